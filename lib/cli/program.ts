/** The command-line tool: one sub-command for each row of the procedure table that offers one. */
import { randomUUID } from 'node:crypto';
import { Argument, Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import { takesLong, whileWatching } from '../observe/progress.ts';
import {
  type FunctionProcedureName,
  type Procedure,
  procedureNames,
  procedures,
  type ToolProcedureName,
  toolProcedureNames,
} from '../procedures.ts';
import { stages } from '../stages.ts';
import { asCalled, nameOfTool, nameStage } from './as-called.ts';
import { commandGroups } from './command-groups.ts';
import { type Command, type CommandName, type FunctionCommandName, functionCommands } from './commands.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';
import { invokeProcedure, type Order, type ProcedureAnswer } from './invoke.ts';
import { type Around, wrapList } from './present.ts';
import { type Patience, runInTool, runToolProcedure, type Surroundings } from './run-tool-procedure.ts';
import { toolCommands } from './tool-commands.ts';

/** What the tool reads and writes. */
export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  write(text: string): void;
  complain(text: string): void;
  /** How long a release is given to be well; by default twenty seconds. */
  readonly patience?: Patience;
  /** Ends what would go on until it is told to stop; by default the tool is simply ended. */
  readonly signal?: AbortSignal;
}

// biome-ignore lint/suspicious/noExplicitAny: commander gives the values of options as they were declared
type Values = Record<string, any>;

const commands: Record<CommandName, Command> = { ...functionCommands, ...toolCommands };

export const commandNames = [...procedureNames, ...toolProcedureNames].filter(
  (name) => (procedures[name] as Procedure).command,
) as CommandName[];

const isTool = (name: CommandName): name is ToolProcedureName => name in toolCommands;

const exitCodeHelp = ['Exit codes:', ...Object.values(exitCodes).map(({ code, meaning }) => `  ${code}  ${meaning}`)].join('\n');

const localHelp = `Stage "local" is the instance that \`npm start\` runs; OAUTH2_DATA_DIR names its folder (default .local).
Every other stage is called with your AWS identity (AWS_PROFILE, AWS_REGION).`;

async function readPassword(name: CommandName, { stdin }: Io): Promise<string> {
  if (stdin.isTTY)
    throw new CliFailure(
      'usage',
      `the password is read from standard input: printf %s "$PASSWORD" | oauth2ctl ${name} … --password-stdin`,
    );
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > 65_536) throw new CliFailure('usage', 'standard input is longer than any password: give the password alone');
  }
  const password = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (password === '') throw new CliFailure('usage', 'standard input is empty: pipe the password in');
  return password;
}

/** Asks for every page and joins them. */
async function collectPages(
  call: (input: Values) => Promise<ProcedureAnswer>,
  input: Values,
  list: string,
): Promise<ProcedureAnswer> {
  const all: unknown[] = [];
  for (let after: string | undefined; ; ) {
    const answer = await call({ ...input, limit: 500, ...(after !== undefined && { after }) });
    if (answer.outcome !== 'succeeded') return answer;
    const page = answer.result as Values;
    all.push(...page[list]);
    after = page.next_after;
    if (after === undefined) return { ...answer, result: { [list]: all } };
  }
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function showPlan(
  name: CommandName,
  { plan, next = [] }: ProcedureAnswer,
  argument: string,
  given: Values,
  { environment }: Io,
): string {
  const { stage } = given;
  const { options }: Command = commands[name];
  const chosen = options.flatMap(({ flags }) => {
    const [, no, flag = ''] = /^--(no-)?([\w-]+)/.exec(flags) ?? [];
    const value: unknown = given[flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (no !== undefined) return value === false ? [`--no-${flag}`] : [];
    if (value === true) return [`--${flag}`];
    return [value].flat().flatMap((one) => (typeof one === 'string' ? [`--${flag}`, quote(one)] : []));
  });
  // What begins with a dash would be taken for an option.
  const dashed = argument.startsWith('-');
  const words = [name, ...(argument === '' || dashed ? [] : [quote(argument)]), ...chosen, ...nameStage(stage, environment)];
  const again = [nameOfTool(environment), ...words].join(' ');
  return [
    'Plan:',
    ...plan.steps.map((step) => `  - ${step}`),
    '',
    ...next.map((step) => `First: ${asCalled(step, stage, environment)}`),
    `Nothing was changed. To act: ${again} --apply --reason '…'${dashed ? ` -- ${quote(argument)}` : ''}`,
  ].join('\n');
}

/** Prints an answer. @returns the exit code */
function report(name: CommandName, answer: ProcedureAnswer, argument: string, options: Values, io: Io): number {
  const command: Command = commands[name];
  const around: Around = { stage: options.stage, advise: (text) => asCalled(text, options.stage, io.environment) };
  if (answer.outcome === 'failed') {
    const { code, message } = answer.error ?? { code: 'unknown', message: 'no reason was given' };
    if (options.json) io.write(`${JSON.stringify({ outcome: 'failed', error: { code, message } }, null, 2)}\n`);
    else io.complain(`${wrapList(`oauth2ctl ${name}: ${around.advise(message)} (${code})`)}\n`);
    return exitCodes.failed.code;
  }
  if (answer.outcome === 'planned') {
    const planned = { outcome: 'planned', plan: answer.plan, ...(answer.next && { next: answer.next }) };
    io.write(options.json ? `${JSON.stringify(planned, null, 2)}\n` : `${showPlan(name, answer, argument, options, io)}\n`);
    return exitCodes.done.code;
  }
  if (command.streams) {
    // Everything was written already; what comes next must not get between the lines.
    for (const step of answer.next ?? []) io.complain(`Next: ${around.advise(step)}\n`);
    return exitCodes.done.code;
  }
  const result = answer.result as Values;
  if (options.json) io.write(`${JSON.stringify(result, null, 2)}\n`);
  else {
    const next = (answer.next ?? []).map((step) => `Next: ${around.advise(step)}`);
    io.write(`${[command.show(result, around), ...next].join('\n')}\n`);
  }
  return command.isWell && !command.isWell(result) ? exitCodes.unwell.code : exitCodes.done.code;
}

/** The input of a procedure. @throws {CliFailure} for options that do not make one */
async function readInput(name: CommandName, argument: string, options: Values, io: Io): Promise<Values> {
  const command: Command = commands[name];
  if (command.acts === 'planned' && options.apply && !options.reason?.trim())
    throw new CliFailure('usage', "--apply needs --reason 'why': it goes into the audit log");
  // A stage whose row is gone can still be removed.
  if (!Object.hasOwn(stages, options.stage) && !(name === 'destroy' && /^[a-z][a-z0-9-]{0,30}$/.test(options.stage)))
    throw new CliFailure('usage', `there is no stage "${options.stage}"; lib/stages.ts has ${Object.keys(stages).join(', ')}`);
  return command.toInput(options, argument, () => readPassword(name, io));
}

async function run(name: CommandName, argument: string, options: Values, io: Io): Promise<number> {
  const command: Command = commands[name];
  const input = await readInput(name, argument, options, io);
  const apply = command.acts === 'at-once' || (command.acts === 'planned' && options.apply === true);
  const { write: print, patience, signal } = io;
  const surroundings = { print, json: options.json === true, patience, signal };
  /** What takes minutes tells how far it has come, beside the result. */
  const runWatched = (procedure: FunctionProcedureName, order: Order, around: Surroundings): Promise<ProcedureAnswer> => {
    const progress = randomUUID();
    const watched = { functions: [procedure], run: progress, tell: io.complain };
    const invoke = () => invokeProcedure(options.stage, procedure, { ...order, progress }, io.environment);
    return runInTool(options.stage, (context) => whileWatching(context, watched, invoke), order, io.environment, around);
  };
  const call = (given: Values) => {
    const order: Order = { input: given, apply, ...(options.reason && { reason: options.reason }) };
    const instead = command.instead?.(options);
    if (instead) return runInTool(options.stage, instead, order, io.environment, surroundings);
    if (isTool(name)) return runToolProcedure(options.stage, name, order, io.environment, surroundings);
    if (takesLong(name) && (apply || command.acts === 'reads') && !options.json) return runWatched(name, order, surroundings);
    return invokeProcedure(options.stage, name as FunctionCommandName, order, io.environment);
  };
  const answer = command.pages === undefined ? await call(input) : await collectPages(call, input, command.pages);
  return report(name, answer, argument, options, io);
}

/** Does what a command line says, or looks whether it says something. */
type CarryOut = (name: CommandName, argument: string, options: Values) => Promise<void>;

function addCommand(program: Commander, name: CommandName, group: string, carryOut: CarryOut, io: Io): void {
  const { argument, options, acts, example }: Command = commands[name];
  const command = program.command(name).description(procedures[name].purpose).helpGroup(group);
  if (argument) {
    const declared = new Argument(argument.optional ? `[${argument.name}]` : `<${argument.name}>`, argument.purpose);
    command.addArgument(argument.choices ? declared.choices(argument.choices) : declared);
  }
  for (const { flags, purpose, repeatable, choices, required } of options) {
    const option = new CommanderOption(flags, repeatable ? `${purpose}; may be repeated` : purpose);
    if (choices) option.choices(choices);
    if (repeatable) option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]);
    if (required) option.makeOptionMandatory();
    command.addOption(option);
  }
  if (acts === 'planned') command.option('--apply', 'act; without it the plan is shown and nothing changes');
  if (acts !== 'reads') command.option('--reason <text>', 'why, for the audit log');
  command
    .option('--stage <name>', 'stage to work on (default: OAUTH2_STAGE, else local)', io.environment.OAUTH2_STAGE || 'local')
    .option('--json', 'print just JSON, for scripts')
    .addHelpText('after', `\nExample:\n  ${example}\n\n${exitCodeHelp}\n`)
    .action(async (...given: unknown[]) => {
      const values = given.at(-2) as Values;
      await carryOut(name, argument ? ((given[0] as string | undefined) ?? '') : '', values);
    });
}

function makeProgram(version: string, io: Io, width: number | undefined, carryOut: CarryOut): Commander {
  const program = new Commander('oauth2ctl')
    .description('Operates an OAuth 2.1 / OpenID Connect authorization server: each command runs one procedure.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: io.write, writeErr: io.complain, ...(width !== undefined && { getOutHelpWidth: () => width }) })
    .showHelpAfterError('(add --help to see what is allowed)')
    .addHelpText('after', `\n${localHelp}\n\n${exitCodeHelp}\n`);
  for (const [group, names] of Object.entries(commandGroups))
    for (const name of names) addCommand(program, name, group, carryOut, io);
  return program;
}

/** Reads a command line and does nothing of it. @throws {Error} where it would not be understood */
export async function checkCommandLine(words: readonly string[], io: Io): Promise<void> {
  const check: CarryOut = async (name, argument, options) => {
    await readInput(name, argument, options, io);
  };
  await makeProgram('', io, undefined, check).parseAsync(words, { from: 'user' });
}

/**
 * Runs the tool.
 * @param words the command line behind the tool's name
 * @param width columns of its help; by default those of the terminal
 * @returns its exit code
 */
export async function runTool(words: readonly string[], version: string, io: Io, width?: number): Promise<number> {
  let code: number = exitCodes.done.code;
  const program = makeProgram(version, io, width, async (name, argument, options) => {
    code = await run(name, argument, options, io);
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    const isCommanders = error instanceof CommanderError;
    if (isCommanders && error.exitCode === 0) return exitCodes.done.code;
    if (!isCommanders && !(error instanceof CliFailure)) throw error;
    const exit = isCommanders ? 'usage' : error.exit;
    const message = error.message.replace(/^error: /, '');
    if (words.includes('--json')) io.write(`${JSON.stringify({ outcome: 'failed', error: { code: exit, message } }, null, 2)}\n`);
    // Commander has told already, to people.
    else if (!isCommanders) io.complain(`${wrapList(`${nameOfTool(io.environment)}: ${message}`)}\n`);
    return exitCodes[exit].code;
  }
}
