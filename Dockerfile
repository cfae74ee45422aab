# The kws command with everything but a microphone: Python packages, host and cross compiler, emulator.
# docker build -t kws . && docker run --rm -v "$PWD/runs:/kws/runs" kws --help
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake gcc gcc-arm-none-eabi libc6-dev libnewlib-arm-none-eabi make qemu-system-arm \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /kws
COPY requirements.txt setup.cfg setup.py pyproject.toml MANIFEST.in README.md LICENSE ./
COPY kws_tfmot kws_tfmot
COPY firmware_export firmware_export
COPY pipelines pipelines
COPY recipes recipes
RUN pip install --no-cache-dir --editable '.[tts,sweep,tfds,tflite-runtime,browser]'

ENV KWS_CACHE=/kws/runs/.cache
ENTRYPOINT ["kws"]
CMD ["--help"]
