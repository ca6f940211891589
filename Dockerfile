# One image for every role; docker-compose.yml says which container does what.
FROM node:24-bookworm-slim

ENV NODE_ENV=production
WORKDIR /opt/postern

# The dependencies first: they change more seldom than the source. The embedded PostgreSQL comes along, so that the image
# also runs alone, without DATABASE_URL.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force

COPY bin bin
COPY src src
COPY relay relay
COPY bounce bounce
COPY migrations migrations

# Certificate, node id and, without DATABASE_URL, the database. An empty volume mounted here takes over its owner.
RUN groupadd --system --gid 10025 postern \
  && useradd --system --uid 10025 --gid postern --home-dir /var/lib/postern --shell /usr/sbin/nologin postern \
  && install --directory --owner=postern --group=postern --mode=700 /var/lib/postern \
  && ln -s /opt/postern/bin/postern.js /usr/local/bin/postern
USER postern
ENV POSTERN_DATA_DIR=/var/lib/postern
VOLUME /var/lib/postern
EXPOSE 2525 8025

# `postern start` takes care of its own SIGTERM, so it may be process 1.
ENTRYPOINT ["postern"]
CMD ["start"]
