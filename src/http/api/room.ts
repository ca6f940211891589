// What a room of the API is given: an app that knows zod, and the desk with what facades need.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RuleStore } from '../../../relay/index.ts';
import type { Settings } from '../../platform/settings.ts';

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type Desk = {
  readonly store: RuleStore;
  /** Those that hold now: they change while the gateway runs. */
  readonly settings: () => Settings;
};
