/** The sections about security, line by line. */
import type { Section } from './section.ts';

export const security: readonly Section[] = [
  {
    group: 'Security',
    title: 'Rotate JWT Secret',
    lines: [
      {
        there: 'rotate, roll out, validate; there in a maintenance window',
        here: ['rotate-signing-keys'],
        tests: ['test/conformance/key-rotation.test.ts', 'test/drills/rotation-under-load.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Rotate Database Password',
    lines: [
      {
        there: 'password, secret, restart, readiness',
        here: ['rotate-database-password'],
        tests: ['test/drills/rotation-under-load.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Revoke All Tokens',
    lines: [
      {
        there: 'no endpoint: rotate the secret',
        here: ['revoke-tokens'],
        tests: ['test/conformance/revoke-tokens.test.ts', 'test/drills/revoke-all.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Security Incident Response',
    lines: [
      {
        there: 'contain, eradicate, recover, post-incident',
        here: ['incident', 'block', 'maintenance', 'revoke-tokens', 'set-password'],
        tests: ['test/conformance/blocked-addresses.test.ts', 'test/conformance/changed-password.test.ts'],
      },
    ],
  },
];
