/** The operator's procedures as functions, what runs them on a schedule, and the steps that a deploy takes before new code serves. */
import { type CustomResource, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type Procedure, type ProcedureName, procedureNames, procedures } from '../procedures.ts';
import { DeploySteps } from './deploy-step/deploy-step.ts';
import type { House } from './house.ts';
import { MetricSubscriptions } from './metric-subscriptions.ts';
import { type RestoreFunctions, RestoreMachine } from './restore-machine.ts';
import { Schedules } from './schedules.ts';
import { ServerFunction } from './server-function.ts';

interface Step {
  readonly name: ProcedureName;
  readonly input?: object;
  /** Only run where the plan of this procedure, with the code of this deploy, wants a backup. */
  readonly asked?: ProcedureName;
}

/** In this order, each only after the one before has succeeded. */
const steps: readonly Step[] = [
  { name: 'backup', input: { kind: 'deploy' }, asked: 'migrate' },
  { name: 'migrate' },
  { name: 'create-signing-keys' },
];

export class OpsStack extends Stack {
  readonly functions: ReadonlyMap<ProcedureName, ServerFunction>;
  readonly schedules: Schedules;
  readonly metrics: MetricSubscriptions;

  constructor(scope: Construct, id: string, { house, ...props }: StackProps & { house: House }) {
    super(scope, id, props);
    const functions = new Map<ProcedureName, ServerFunction>();
    for (const name of procedureNames) {
      const { needs, purpose, seconds = 30, memory_mib = 512, quiet }: Procedure = procedures[name];
      const traced = !quiet;
      functions.set(name, new ServerFunction(this, name, { house, room: 'ops', needs, purpose, seconds, memory_mib, traced }));
    }
    this.functions = functions;
    this.schedules = new Schedules(this, 'schedules', house.stage.name);
    this.metrics = new MetricSubscriptions(this, 'metrics', {
      stage: house.stage,
      aggregator: functions.get('aggregate-metrics') as ServerFunction,
      failed: this.schedules.failed,
    });
    for (const [name, fn] of functions) {
      this.metrics.subscribe(fn);
      const { schedule, schedule_input, further_schedules = [], scheduler, next, comes_again }: Procedure = procedures[name];
      const follower = next === undefined ? undefined : functions.get(next as ProcedureName);
      if (next !== undefined && !follower)
        throw new Error(`the procedure "${name}" is followed by "${next}", which is no function`);
      const follows = procedureNames.some((other) => (procedures[other] as Procedure).next === name);
      const rotates = scheduler === 'secrets-manager' && !house.stage.lacks?.includes('rotation schedules');
      // Secrets Manager waits for each answer, and itself tries again what failed.
      if ((schedule !== undefined && !rotates) || follower || follows) this.schedules.follow(fn, comes_again === true, follower);
      if (schedule === undefined) continue;
      if (rotates) house.keys.rotate(fn, schedule, fn);
      else this.schedules.add(name, schedule, fn, schedule_input);
      for (const one of further_schedules) {
        const further = `${name}-${one.name}`;
        this.schedules.add(further, one.schedule, fn, one.input, `scheduled: ${further}`);
      }
    }
    const called = ['maintenance', 'backup', 'restore-step', 'rewind-step', 'create-signing-keys', 'migrate'] as const;
    const restoring = Object.fromEntries(called.map((name) => [name, functions.get(name)])) as unknown as RestoreFunctions;
    new RestoreMachine(this, 'restore', { stage: house.stage, functions: restoring });
    if (house.stage.deployed) this.#runSteps(house);
  }

  #runSteps({ stage, bundles }: House): void {
    const folder = bundles.get('deploy-step')?.folder;
    if (folder === undefined) throw new Error('no bundle "deploy-step"; a deployed stage needs it to migrate');
    const runner = new DeploySteps(this, 'deploy-steps', { folder, stage });
    const of = (name: ProcedureName) => this.functions.get(name) as ServerFunction;
    const waiting = new Map(this.functions);
    let former: CustomResource | undefined;
    for (const { name, input, asked } of steps) {
      for (const ready of [name, asked]) if (ready !== undefined) waiting.delete(ready);
      const step = runner.run(name, of(name), input, asked && [asked, of(asked)]);
      if (former) step.node.addDependency(former);
      former = step;
      // New code of everything that comes later takes over only when this has succeeded.
      for (const { live } of waiting.values()) live.node.addDependency(step);
    }
  }
}
