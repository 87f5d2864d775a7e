/** How a function comes to the database: as whom, by which address, and what its role must be granted for it. */
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { ProcedureNeed } from '../procedures.ts';
import type { ExternalDatabase } from '../stages.ts';

/** `http` for functions of the route table, `ops` for those of the procedure table. */
export type Room = 'http' | 'ops';

export interface Database {
  /** Grants the role what the needs say and returns the variables by which the function finds the database. */
  admit(role: Role, needs: readonly ProcedureNeed[], room: Room): Record<string, string>;
}

export type DatabaseUser = 'oauth2_api' | 'oauth2_operator' | 'oauth2_migrator' | 'oauth2_backup';

/** The least that does it: requests never alter the schema, operators never own it. */
export function databaseUser(needs: readonly ProcedureNeed[], room: Room): DatabaseUser {
  if (needs.includes('schema')) return 'oauth2_migrator';
  return room === 'http' ? 'oauth2_api' : 'oauth2_operator';
}

/** A database that somebody else runs and guards. */
export function externalDatabase({ host, port, administrator_secret }: ExternalDatabase): Database {
  return {
    admit(_role, needs, room) {
      if (!needs.includes('database')) return {};
      return {
        OAUTH2_DATABASE_HOST: host,
        OAUTH2_DATABASE_PORT: String(port),
        OAUTH2_DATABASE_NAME: 'oauth2',
        OAUTH2_DATABASE_USER: databaseUser(needs, room),
        OAUTH2_DATABASE_TLS: 'off',
        OAUTH2_DATABASE_PREPARE: 'true',
        ...(administrator_secret !== undefined &&
          needs.includes('administration') && { OAUTH2_DATABASE_ADMIN_SECRET: administrator_secret }),
      };
    },
  };
}
