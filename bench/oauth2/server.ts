/** This server's functions behind node:http: the deployed bundles in one process, their events mapped as API Gateway maps them. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createGateway } from '../../lib/local/gateway.ts';
import type { HttpEvent } from '../../lib/local/http-event.ts';
import { pathsOf, type RouteName, routeNames, routes } from '../../lib/routes.ts';
import { listen } from '../listen.ts';

type Handler = (event: HttpEvent, context: object) => Promise<unknown>;

const bundles = process.env.BENCH_BUNDLES ?? '';
const entry = process.env.BENCH_ENTRY ?? 'index.mjs';
const loaded = new Map<string, Promise<Handler>>();

/** Loads a function when it is first called, as a sandbox does. */
function load(name: string): Promise<Handler> {
  const known = loaded.get(name);
  if (known) return known;
  const handler = import(pathToFileURL(join(bundles, name, entry)).href).then((module) => module.handler as Handler);
  loaded.set(name, handler);
  return handler;
}

const table = routeNames.flatMap((name: RouteName) =>
  pathsOf(routes[name], '').map((path) => ({ method: 'ANY', path, function: name })),
);

async function invoke(name: string, event: HttpEvent): Promise<unknown> {
  const handler = await load(name);
  const context = { functionName: name, awsRequestId: event.requestContext.requestId, getRemainingTimeInMillis: () => 10_000 };
  return handler(event, context);
}

for (const name of (process.env.BENCH_PRELOAD ?? '').split(',').filter(Boolean)) void load(name);
listen(createGateway({ routes: table, invoke }));
