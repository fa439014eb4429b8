# Builds the service in one image and keeps it in another, without the compiler.
#
#   docker build -t addressbook .
#   docker run --rm -v addressbook:/data addressbook keys create --create-database --name first \
#     --scope addresses:read
#   docker run --read-only --tmpfs /tmp -v addressbook:/data -p 127.0.0.1:8080:8080 addressbook

# This image has the C compiler, Perl and make that SQLite, libpq and OpenSSL are built with. Its
# compiler is the pinned one, because .dockerignore keeps rust-toolchain.toml out.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay between builds and are no part of any image, hence the copy at the end.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --features tls --locked -p addressbook \
    && cp target/dist/addressbook /addressbook

# The same release of Debian as above, so that the C library fits.
FROM debian:12.12-slim
RUN groupadd --system --gid 10001 addressbook \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin addressbook \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /addressbook /usr/local/bin/addressbook

# By number, so that a platform can tell that it is not root.
USER 10001:10001
# Others than this container can come in, so it does not start before there is an API key.
ENV ADDRESSBOOK_LISTEN=0.0.0.0:8080
# From here the default, ./data/addressbook.db, is in the volume. It is no variable, so that a platform's
# DATABASE_URL still counts.
WORKDIR /
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/addressbook", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/addressbook"]
CMD ["serve"]
