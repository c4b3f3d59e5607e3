"""The form of a new queue begins with what the API would take for fields left out."""

import json
import re
from pathlib import Path

from pydantic_core import to_jsonable_python

from contactcenter.queues.api import QueuePatch

SOURCE = Path(__file__).parents[3] / "agent_ui/frontend/src/routing/queue-fields.ts"


def test_a_new_queue_begins_with_the_usual_values() -> None:
    found = re.search(r"NEW_QUEUE: Values = (\{.*?\n\});", SOURCE.read_text(), re.DOTALL)
    assert found is not None
    text = re.sub(r"(\w+):", r'"\1":', found[1]).replace(",\n}", "}")
    assert json.loads(text) == to_jsonable_python(QueuePatch())
