/** Shows how Postgres would carry out one of the statements that take most time: which index it uses, and where it reads a table from end to end. */
import { explainStatement as explain, findStatement } from '../store/database-care.ts';
import { matching, ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

interface ExplainInput {
  /** Of 64 bits, with its sign. */
  readonly query_id: string;
}

export interface Explained {
  readonly query_id: string;
  readonly statement: string;
  readonly plan: readonly string[];
  /** Whether a table is read from end to end. */
  readonly scans: boolean;
}

/** What can be explained; anything else is not asked often enough to be slow. */
const explainable = /^\s*(select|insert|update|delete|with|merge|values)\b/i;

export const explainStatement: ProcedureDefinition<Tools, ExplainInput, null, Explained> = {
  name: 'explain-statement',
  input: { query_id: matching(/^-?\d{1,19}$/, 'the id of a statement, as database-report shows it', { required: true }) },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db }, { query_id }) {
    const statement = await findStatement(db, query_id);
    if (statement === undefined)
      throw new ProcedureFault(
        'no_such_statement',
        `there is no statement ${query_id}: oauth2ctl database-report shows those that take most time`,
      );
    if (!explainable.test(statement))
      throw new ProcedureFault('not_explainable', `Postgres has no plan for this kind of statement: ${statement.slice(0, 100)}`);
    const plan = await explain(db, statement);
    return { query_id, statement, plan, scans: plan.some((line) => /\bSeq Scan on\b/.test(line)) };
  },
  describe: ({ query_id, scans }) => `statement ${query_id}${scans ? ' reads a table from end to end' : ''}`,
  next: ({ scans }) => (scans ? ['an index that it lacks is added by a migration: runbooks/database-report.md'] : []),
};
