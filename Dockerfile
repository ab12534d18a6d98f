# framecache in a container: built from Cargo.lock as committed, run without root, with ffmpeg for the
# sources that need it. Everything is configured by environment variables or by a file mounted at
# /etc/framecache/config.toml and named with --config.

FROM rust:1-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY config.toml ./
RUN cargo build --release --locked --bin framecache

FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/target/release/framecache /usr/local/bin/framecache
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/framecache framecache \
    && install -d -o framecache -g framecache /var/lib/framecache /var/lib/framecache/recordings
USER 10001:10001
WORKDIR /var/lib/framecache
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["framecache", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["framecache"]
CMD ["up"]
