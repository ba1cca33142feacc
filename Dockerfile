# One image for the web service and the worker. The embedding model is prepared at build time, so that a container
# starts at once and needs no network.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 LIANWEN_DATA_DIR=/data
WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app lianwen && mkdir /data && chown lianwen /data

# The CPU build of torch, before anything asks for it: --build-arg TORCH_INDEX=<index of PyTorch's CPU builds>.
# Without it pip may bring the CUDA build, gigabytes larger and of no use here.
ARG TORCH_INDEX=""
# hadolint ignore=DL3013
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0

COPY pyproject.toml README.md LICENSE ./
COPY backend backend
COPY indexer indexer
COPY prompts prompts
COPY widget/static widget/static
RUN pip install .

USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["lianwen", "serve", "--host", "0.0.0.0", "--port", "8000"]
