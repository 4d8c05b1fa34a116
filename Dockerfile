FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/chat
COPY requirements.lock ./
RUN /opt/chat/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY config config
COPY clients/python/chat_client clients/python/chat_client
RUN /opt/chat/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm

# A numeric user, so that an orchestrator can see that it is not root; the data folder is the only place it writes to.
RUN install -d -o 10001 -g 10001 -m 700 /data
COPY --from=build /opt/chat /opt/chat
ENV PATH=/opt/chat/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CHAT_ENVIRONMENT=production \
    CHAT_HOST=0.0.0.0 \
    CHAT_PORT=8000 \
    CHAT_DATA_DIR=/data \
    CHAT_LOG_FORMAT=json
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8000
# /healthz, not /readyz: a node that waits for its database, or drains, must not be killed for it.
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['CHAT_PORT']}/healthz\", timeout=2)"]
ENTRYPOINT ["chat"]
CMD ["serve"]
