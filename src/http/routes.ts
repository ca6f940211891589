import type { FastifyInstance } from 'fastify';

/** A room of the HTTP server: adds its routes to the app. */
export type Routes = (app: FastifyInstance) => Promise<void>;
