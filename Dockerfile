# The image of Tidewater: every command of the program, `run --stages …` above all. docs/deploy.md says how it is run.
#
#   docker build -t tidewater .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD/tidewater.yaml:/etc/tidewater/tidewater.yaml:ro" -p 8181:8181 tidewater

ARG NODE=node:24.21.0-bookworm-slim

# What `npm pack` ships, made from the sources, and the packages that it needs, as the lock file has them.
FROM ${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm pack --loglevel=error && mkdir /package \
  && tar -xzf tidewater-*.tgz -C /package --strip-components=1 && cp package-lock.json /package
WORKDIR /package
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE}
# What only builds: less to ship, and less that a scanner finds.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn* /usr/local/bin/npm /usr/local/bin/npx \
      /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg
COPY --from=build /package /opt/tidewater
RUN ln -s /opt/tidewater/services/cli/launcher.js /usr/local/bin/tidewater \
  && mkdir -p /etc/tidewater /var/lib/tidewater && chown 10001:10001 /var/lib/tidewater

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tidewater" \
      org.opencontainers.image.description="Turns Kafka topics landed in object storage as .kfs segments into Apache Iceberg tables, each record exactly once." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

ENV NODE_ENV=production
# By number, so that Kubernetes sees that it is not root.
USER 10001:10001
# tidewater.yaml is looked for here. Nothing is written but below /tmp (SQL queries) and what the configuration names.
WORKDIR /etc/tidewater
EXPOSE 8181
STOPSIGNAL SIGTERM
# Over HTTP, else over HTTPS (server.tls) whatever the certificate: the process asks itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const end = ok => process.exit(ok ? 0 : 1); const ask = (scheme, otherwise) => require('node:' + scheme).get(scheme + '://127.0.0.1:8181/healthz', { rejectUnauthorized: false }, r => end(r.statusCode === 200)).on('error', otherwise); ask('http', () => ask('https', () => end(false)))"]
# Node itself is process 1: it handles SIGTERM and starts no processes whose ends it would have to collect.
ENTRYPOINT ["tidewater"]
CMD ["run"]
