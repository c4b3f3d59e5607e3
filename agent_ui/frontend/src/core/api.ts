/** REST with the session cookie; failures become CodedError. */

import { CodedError } from "./errors";

interface ErrorBody { error?: { code?: string; fields?: Record<string, unknown> } }

async function failure(answer: Response): Promise<CodedError> {
  let body: ErrorBody = {};
  try {
    body = (await answer.json()) as ErrorBody;
  } catch {
    body = {};
  }
  const fields = { ...body.error?.fields };
  const wait = answer.headers.get("Retry-After");
  if (wait && !("retry_after" in fields)) fields["retry_after"] = Number(wait);
  const byStatus = { 401: "unauthenticated", 403: "forbidden", 404: "not-found", 429: "rate-limited" } as Record<number, string>;
  return new CodedError(body.error?.code ?? byStatus[answer.status] ?? "unavailable", fields);
}

interface Sent { body?: unknown; signal?: AbortSignal | undefined; version?: number | undefined }

async function call<T>(method: string, path: string, { body, signal, version }: Sent = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    const init: RequestInit = { method, headers, credentials: "same-origin" };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal) init.signal = signal;
    answer = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new CodedError("link-lost");
  }
  if (!answer.ok) throw await failure(answer);
  return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T);
}

/** With the version that was read, a change is refused (changed-meanwhile) when there is another by now. */
export const api = {
  get: <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>("GET", path, { signal }),
  post: <T>(path: string, body: unknown, version?: number, signal?: AbortSignal): Promise<T> => call<T>("POST", path, { body, version, signal }),
  put: <T>(path: string, body: unknown, version?: number): Promise<T> => call<T>("PUT", path, { body, version }),
  patch: <T>(path: string, body: unknown, version?: number): Promise<T> => call<T>("PATCH", path, { body, version }),
  delete: <T>(path: string): Promise<T> => call<T>("DELETE", path),
};

export function query(params: Record<string, string | number | null | undefined>): string {
  const made = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== null && value !== undefined && value !== "") made.set(name, String(value));
  const text = made.toString();
  return text ? `?${text}` : "";
}
