/** The peer oidc-provider behind node:http. */
import { createServer } from 'node:http';
import postgres from 'postgres';
import { pool } from '../contenders.ts';
import { listen } from '../listen.ts';
import { createProvider } from './provider.ts';

const sql = postgres(process.env.BENCH_DATABASE ?? '', { max: pool.connections, prepare: pool.prepare, fetch_types: false });
const provider = createProvider(sql, JSON.parse(process.env.BENCH_SIGNING_KEYS ?? '[]'));
listen(createServer(provider.callback()));
