# The server with an Asterisk of its own, unpacked from Debian's packages and configured by our files: agents, phones and
# trunks that change reach it at once, which a PBX in a container of its own would have to be told by hand.
FROM debian:bookworm-slim
ARG UID=10001

RUN apt-get -qq update \
    && apt-get -qq -y --no-install-recommends install ca-certificates espeak-ng python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/contactcenter
COPY . .
RUN scripts/environment && scripts/build-frontend
RUN scripts/install-asterisk asterisk
RUN install -d -m 700 -o "$UID" -g "$UID" data

ENV CONTACTCENTER_DATA=/srv/contactcenter/data \
    CONTACTCENTER_PBX__MODE=asterisk \
    CONTACTCENTER_PBX__PREFIX=/srv/contactcenter/asterisk
USER $UID:$UID
VOLUME /srv/contactcenter/data

# Ready: the PBX is linked and the database takes what is written.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/srv/contactcenter/.venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/readyz' % os.environ.get('CONTACTCENTER_HTTP__PORT', 8080), timeout=4)"]
CMD ["sh", "-c", ".venv/bin/python -m contactcenter migrate && exec .venv/bin/python -m contactcenter run"]
