# syntax=docker/dockerfile:1
# Two targets of the same code: `cpu`, the last and so the default, and `gpu` (docker build --target gpu .).
# A release pins the base by digest too: docker buildx imagetools inspect python:3.11.13-slim-bookworm
FROM python:3.11.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/selvedge
COPY requirements requirements

FROM build AS build-cpu
RUN /opt/selvedge/bin/pip install --require-hashes -r requirements/serving.txt
# --build-arg EXTRAS="milvus s3": what docs/scaling.md needs. Not on a GPU, where Milvus Lite would bring a second FAISS.
ARG EXTRAS=""
RUN for extra in $EXTRAS; do /opt/selvedge/bin/pip install --require-hashes -r requirements/$extra.txt || exit 1; done
COPY pyproject.toml README.md ./
COPY models models
COPY index index
COPY service service
RUN /opt/selvedge/bin/pip install --no-deps --no-build-isolation .

FROM build AS build-gpu
RUN /opt/selvedge/bin/pip install --require-hashes -r requirements/gpu.txt
COPY pyproject.toml README.md ./
COPY models models
COPY index index
COPY service service
RUN /opt/selvedge/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm AS runtime
# jemalloc gives memory back after large photos, which glibc keeps.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libjemalloc2 \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/lib/*-linux-gnu/libjemalloc.so.2 /usr/local/lib/libjemalloc.so.2 \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin selvedge \
 && mkdir /data \
 && chown selvedge /data
ENV PATH=/opt/selvedge/bin:$PATH \
    LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 \
    MALLOC_CONF=background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:5000 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SELVEDGE_HOST=0.0.0.0 \
    SELVEDGE_PORT=8000 \
    SELVEDGE_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# Beyond loopback nothing is served without a key: the first start makes one, for its owner alone to read.
CMD ["sh", "-c", "selvedge keys create first --scope admin --if-none --save-to \"$SELVEDGE_DATA_DIR/first.key\" && exec selvedge serve"]

FROM runtime AS gpu
COPY --from=build-gpu /opt/selvedge /opt/selvedge
ENV SELVEDGE_MODELS__DEVICE=cuda \
    SELVEDGE_CAPACITY__WORKERS=8 \
    SELVEDGE_CAPACITY__QUEUE=32 \
    SELVEDGE_IMAGES__DECODERS=8 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM runtime AS cpu
COPY --from=build-cpu /opt/selvedge /opt/selvedge
ENV SELVEDGE_MODELS__DEVICE=cpu
