# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/selvedge
COPY requirements/serving.txt requirements/serving.txt
RUN /opt/selvedge/bin/pip install --no-cache-dir --require-hashes -r requirements/serving.txt
COPY pyproject.toml README.md ./
COPY requirements/serving.in requirements/serving.in
COPY models models
COPY index index
COPY service service
RUN /opt/selvedge/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home selvedge && mkdir /data && chown selvedge /data
COPY --from=build /opt/selvedge /opt/selvedge
ENV PATH=/opt/selvedge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SELVEDGE_HOST=0.0.0.0 \
    SELVEDGE_PORT=8000 \
    SELVEDGE_DATA_DIR=/data
USER selvedge
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"
CMD ["selvedge", "serve"]
