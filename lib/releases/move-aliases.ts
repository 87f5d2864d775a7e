/** Puts a release in place: moves every alias, checks the server, and puts every alias back where either fails; a run that was cut off is taken up. */
import { type Alias, AliasMoved, moveAlias, readAlias } from './aliases.ts';
import { writeMove } from './ledger.ts';
import type { MovePlan } from './plan-move.ts';
import { type Move, moveId, type Release } from './record.ts';
import type { Clients } from './tool.ts';

export interface MoveOrder {
  readonly stage: string;
  readonly target: Release;
  readonly plan: MovePlan;
  readonly aliases: ReadonlyMap<string, Alias>;
  readonly live: Release | undefined;
  readonly unfinished: Move | undefined;
  readonly actor: string;
  readonly reason: string;
  /** What is not well about the server, in sentences. */
  check(): Promise<readonly string[]>;
  now(): Date;
}

/** @returns the move's record as it ended: `done`, `put back`, or `stuck` with a note on why and what is left */
export async function moveAliases(clients: Clients, order: MoveOrder): Promise<Move> {
  const { stage, target, plan, aliases, live, unfinished, now } = order;
  const started = now();
  const move: Move = {
    id: moveId(started),
    to: target.number,
    // Who goes on with a move that was cut off goes back, where he must, to where that one began.
    from: unfinished ? unfinished.from : (live?.number ?? null),
    actor: order.actor,
    // A parameter holds 4096 characters.
    reason: order.reason.slice(0, 500),
    started: started.toISOString(),
    outcome: 'under way',
    before: { ...Object.fromEntries([...aliases].map(([name, { version }]) => [name, version])), ...unfinished?.before },
  };
  await writeMove(clients.ssm, stage, move);
  if (unfinished) await writeMove(clients.ssm, stage, { ...unfinished, ended: now().toISOString(), outcome: 'taken over' });
  try {
    for (const { name, to } of plan.moves) {
      await moveAlias(clients.lambda, stage, name, { version: to, revision: aliases.get(name)?.revision ?? '' });
    }
    const problems = await order.check();
    if (problems.length > 0) return await putBack(clients, order, move, problems.join('; '));
  } catch (cause) {
    return putBack(clients, order, move, `${(cause as Error).name}: ${(cause as Error).message}`);
  }
  const done: Move = { ...move, outcome: 'done', ended: now().toISOString() };
  await writeMove(clients.ssm, stage, done);
  return done;
}

/** Restores every alias that it can. */
async function putBack(clients: Clients, order: MoveOrder, move: Move, why: string): Promise<Move> {
  const { stage, target, aliases, now } = order;
  const left: string[] = [];
  for (const [name, version] of Object.entries(move.before).reverse()) {
    try {
      const alias = await readAlias(clients.lambda, stage, name);
      if (alias === undefined || alias.version === version) continue;
      // What stands neither where it was nor where this run put it is somebody else's doing.
      if (alias.version !== target.functions[name] && alias.version !== aliases.get(name)?.version)
        throw new AliasMoved(`it is at ${alias.version}, where somebody else put it`);
      await moveAlias(clients.lambda, stage, name, { version, revision: alias.revision });
    } catch (error) {
      left.push(`${name} (${(error as Error).message})`);
    }
  }
  const note = [why.slice(0, 600), ...(left.length > 0 ? [`not put back: ${left.join(', ').slice(0, 600)}`] : [])].join('; ');
  const ended: Move = { ...move, outcome: left.length === 0 ? 'put back' : 'stuck', note, ended: now().toISOString() };
  // The record tells the next run of this one; if it cannot be written now, it says "under way", from where that run goes on.
  await writeMove(clients.ssm, stage, ended).catch(() => {});
  return ended;
}
