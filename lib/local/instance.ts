/** One running local instance: database, AWS stand-ins, sandboxes and gateway over the synthesised template, started and stopped in order. */
import { join } from 'node:path';
import { functionName } from '../procedures.ts';
import type { AwsEndpoint } from './aws-endpoint.ts';
import { listen, takeFolder } from './claim.ts';
import { type Database, startDatabase } from './database.ts';
import { type EventBus, openEventBus } from './event-bus.ts';
import { createFunctions, type Functions } from './functions.ts';
import { createGateway, FunctionUnavailable, type Gateway } from './gateway.ts';
import type { Instance, InstanceOptions } from './instance-options.ts';
import { openLambdaApi } from './lambda-api.ts';
import { createLogSubscriptions, type LogSubscriptions } from './log-subscriptions.ts';
import { type LocalLogs, openLocalLogs } from './logs.ts';
import { openAdministrator } from './open-administrator.ts';
import { openPointInTime } from './point-in-time.ts';
import { callProcedure } from './procedure-call.ts';
import { createRotation } from './rotation.ts';
import type { GatewayRoute } from './route-match.ts';
import { removeRuntimeFile, writeRuntimeFile } from './runtime-file.ts';
import { openStorage, type Storage } from './s3.ts';
import { startSchedules } from './schedule.ts';
import { openSecrets, type Secrets } from './secrets.ts';
import { createStarter, type StartFunction } from './start-function.ts';
import { openStepFunctions, type StepFunctions } from './step-functions.ts';
import { isSource, type Synthesis, sourceFolders, synthesise } from './synthesise.ts';
import { readTemplate, type Template } from './template.ts';
import { watchFolders } from './watch.ts';

const place = { region: 'us-east-1', account: '000000000000' };
const stage = 'local';
/** Takes every request until the functions can answer. */
const waitingRoom: GatewayRoute[] = [{ method: 'ANY', path: '$default', function: '' }];

/**
 * Starts everything and resolves when it can serve. What was started is stopped again when a step fails.
 * @throws LocalFailure with one line (a log or the CDK app's words may follow it) on what to do
 */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const instance = new RunningInstance(options);
  try {
    options.signal?.addEventListener('abort', () => void instance.stop());
    await instance.start();
    options.signal?.throwIfAborted();
  } catch (error) {
    await instance.stop();
    throw error;
  }
  return instance;
}

class RunningInstance implements Instance {
  issuer = '';
  readonly broken: Promise<never>;
  readonly #options: InstanceOptions;
  readonly #aborter = new AbortController();
  readonly #logs: string;
  #break: (error: Error) => void = () => {};
  /** What is to be undone, last first. */
  readonly #undo: (() => unknown)[] = [];
  #gateway!: Gateway;
  #functions!: Functions;
  #start!: StartFunction;
  #destinations: Template['destinations'] = new Map();
  #secrets!: Secrets;
  #machines!: StepFunctions;
  #storage!: Storage;
  #bus!: EventBus;
  #database!: Database;
  #stopSchedules = () => {};
  #stopped: Promise<void> = Promise.resolve();
  #fingerprint = '';
  #journal!: LocalLogs;
  #subscriptions: LogSubscriptions | undefined;
  #accessLog: string | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#logs = join(options.folder, 'logs');
    this.broken = new Promise((_, reject) => {
      this.#break = reject;
    });
    this.broken.catch(() => {});
  }

  async start(): Promise<void> {
    const { folder, port, say } = this.#options;
    const lock = takeFolder(folder);
    this.#undo.push(() => lock.release());
    removeRuntimeFile(folder);
    this.#journal = openLocalLogs(this.#logs, stage, this.#options.show, (group, events) =>
      this.#subscriptions?.take(group, events),
    );
    this.#openGateway();
    const address = `http://127.0.0.1:${await listen(this.#gateway, port)}`;
    this.issuer = this.#options.issuer ?? address;
    say('synthesising the template and starting Postgres');
    const secrets = openSecrets({ file: join(folder, 'secrets.json'), ...place });
    const [synthesis, database] = await Promise.allSettled([synthesise(this.#synthesis(true)), this.#openDatabase()]);
    this.#secrets = await secrets;
    this.#undo.push(() => this.#secrets.close());
    if (database.status === 'rejected') throw database.reason;
    if (synthesis.status === 'rejected') throw synthesis.reason;
    this.#fingerprint = synthesis.value;
    const template = this.#readTemplate();
    this.#secrets.declare(template.secrets);
    this.#storage = await openStorage(join(folder, 'buckets'));
    this.#undo.push(() => this.#storage.close());
    this.#storage.declare(template.buckets);
    const points = openPointInTime({ folder: join(folder, 'postgres'), url: () => this.#database.url('postgres', 'postgres') });
    this.#undo.push(() => points.close());
    const rds = await openAdministrator({ secrets: this.#secrets, database: () => this.#database, points, place, stage, say });
    this.#undo.push(() => rds.close());
    this.#bus = await openEventBus({ file: join(folder, 'events.jsonl'), place });
    this.#undo.push(() => this.#bus.close());
    const lambda = await this.#openFunctions(template, rds.url);
    this.#machines = await openStepFunctions({ file: join(folder, 'executions.json'), functions: this.#functions, say });
    this.#undo.push(() => this.#machines.close());
    say('bringing the database and the signing keys up to date');
    for (const name of ['migrate', 'create-signing-keys']) await this.#prepare(name);
    this.#serve(template);
    points.prepare().catch((error: Error) => say(`there is no copy of the database to restore from: ${error.message}`));
    this.#undo.push(() => this.#stopSchedules());
    this.#undo.push(this.#watch());
    this.#undo.push(() => removeRuntimeFile(folder));
    const logs = await this.#journal.open(() => this.#database.log);
    this.#undo.push(() => logs.close());
    writeRuntimeFile(folder, {
      pid: process.pid,
      issuer: this.issuer,
      stage,
      lambda_endpoint: lambda.url,
      secrets_endpoint: this.#secrets.url,
      s3_endpoint: this.#storage.url,
      rds_endpoint: rds.url,
      logs_endpoint: logs.url,
      sfn_endpoint: this.#machines.url,
      events_endpoint: this.#bus.url,
      database: { host: this.#database.host, port: this.#database.port },
    });
  }

  /** Stops everything in the opposite order; what is under way gets two seconds. */
  stop(): Promise<void> {
    this.#aborter.abort();
    // Called while it stops already, it waits for that and then undoes what a start under way has added.
    this.#stopped = this.#stopped.then(() => this.#undoAll());
    return this.#stopped;
  }

  async #undoAll(): Promise<void> {
    if (this.#gateway?.listening) {
      this.#gateway.close();
      this.#gateway.closeIdleConnections();
    }
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        this.#options.say(`while stopping: ${(error as Error).message}`);
      }
    }
    this.#gateway?.closeAllConnections();
  }

  #openGateway(): void {
    this.#gateway = createGateway({
      routes: waitingRoom,
      invoke: async (name, event) => {
        if (name === '') throw new FunctionUnavailable('not ready yet');
        const { verdict, payload } = await this.#functions.invoke(name, JSON.stringify(event));
        if (verdict === 'timed-out' || verdict === 'throttled') throw new FunctionUnavailable(payload);
        if (verdict === 'failed') throw new Error(payload);
        return JSON.parse(payload);
      },
      served: (served) => this.#journal.served(this.#accessLog, served),
    });
  }

  /** Keeps the database running: one that ends by itself is started again at its port. */
  async #openDatabase(port?: number): Promise<void> {
    const database = await startDatabase({
      folder: join(this.#options.folder, 'postgres'),
      signal: this.#aborter.signal,
      ...(port !== undefined && { port }),
    });
    if (port === undefined) this.#undo.push(() => this.#database.stop());
    this.#database = database;
    if (this.#aborter.signal.aborted) await database.stop();
    void database.ended.then(() => {
      if (this.#aborter.signal.aborted) return;
      this.#options.say(`Postgres ended (its log: ${database.log}); it is started again`);
      this.#openDatabase(database.port).then(
        () => this.#options.say('Postgres is back'),
        (error: Error) => this.#break(error),
      );
    });
  }

  #synthesis(clean: boolean): Synthesis {
    const { root, folder, environment } = this.#options;
    const issuer = { OAUTH2_STAGE: stage, OAUTH2_ISSUER: this.issuer };
    return {
      root,
      out: join(folder, 'cdk.out'),
      environment: { ...environment, ...issuer },
      clean,
      signal: this.#aborter.signal,
    };
  }

  #readTemplate(): Template {
    return readTemplate(join(this.#options.folder, 'cdk.out'), { ...place, database: this.#database });
  }

  async #openFunctions(template: Template, rds: string): Promise<AwsEndpoint> {
    const { say } = this.#options;
    const environment: Record<string, string> = {
      AWS_REGION: place.region,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: this.#secrets.url,
      AWS_ENDPOINT_URL_S3: this.#storage.url,
      AWS_ENDPOINT_URL_EVENTBRIDGE: this.#bus.url,
      AWS_ENDPOINT_URL_RDS: rds,
    };
    this.#functions = createFunctions({
      specs: template.functions,
      environment,
      output: this.#journal.output,
      platform: this.#journal.platform,
      notice: say,
    });
    this.#undo.push(() => this.#functions.stop(2000));
    this.#start = createStarter(this.#functions, () => this.#destinations, say);
    const lambda = await openLambdaApi(this.#functions, this.#start);
    const { account } = place;
    const subscriptions = createLogSubscriptions({ account, invoke: this.#functions.invoke, say });
    subscriptions.replace(template.subscriptions);
    this.#subscriptions = subscriptions;
    this.#undo.push(() => subscriptions.close());
    environment.AWS_ENDPOINT_URL_LAMBDA = lambda.url; // Sandboxes read it when they start, which none has yet.
    this.#undo.push(() => lambda.close());
    return lambda;
  }

  #prepare(name: string): Promise<void> {
    return callProcedure(this.#functions, functionName(stage, name), this.#logs);
  }

  #serve(template: Template): void {
    this.#gateway.setRoutes(template.routes);
    this.#accessLog = template.access_log;
    this.#destinations = template.destinations;
    this.#subscriptions?.replace(template.subscriptions);
    this.#machines.declare(template.machines);
    this.#bus.declare(template.buses);
    this.#stopSchedules();
    this.#secrets.rotateBy(createRotation(this.#functions, template.schedules, this.#options.say));
    this.#stopSchedules = startSchedules(template.schedules, ({ name, function: target, machine, input, secret }) => {
      if (secret !== undefined) this.#secrets.rotate(secret);
      else if (machine !== undefined) this.#machines.start(machine, input);
      else this.#start(target, input, `schedule ${name}`);
    });
  }

  #watch(): () => void {
    const { root } = this.#options;
    return watchFolders({ root, folders: sourceFolders, matters: isSource, changed: () => this.#refresh() });
  }

  /** Takes in a change of the sources; one that cannot be synthesised leaves everything as it was. */
  async #refresh(): Promise<void> {
    const { say } = this.#options;
    try {
      const fingerprint = await synthesise(this.#synthesis(false));
      if (fingerprint === this.#fingerprint || this.#aborter.signal.aborted) return;
      const template = this.#readTemplate();
      this.#secrets.declare(template.secrets);
      this.#storage.declare(template.buckets);
      const changed = this.#functions.replace(template.functions);
      this.#serve(template);
      this.#fingerprint = fingerprint;
      if (changed.includes(functionName(stage, 'migrate'))) await this.#prepare('migrate');
      if (changed.length > 0) say(`took in the change: ${changed.length} of ${template.functions.length} functions are new`);
    } catch (error) {
      if (!this.#aborter.signal.aborted) say(`the change was not taken in: ${(error as Error).message}`);
    }
  }
}
