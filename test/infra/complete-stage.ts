/** A stage for tests that has everything a stage can have. */
import { type Stage, stages } from '../../lib/stages.ts';

/** A stage that uses everything that the table of stages allows. */
export const complete: Stage = {
  ...stages.production,
  account: '111122223333',
  region: 'eu-central-1',
  backups: { ...stages.production.backups, copy_region: 'eu-west-1' },
  issuer: 'https://auth.example.com/tenant',
  domain: {
    name: 'auth.example.com',
    certificate_arn: 'arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555',
    hosted_zone: { id: 'Z0123456789ABCDEFGHIJ', name: 'example.com' },
  },
  edge: {
    certificate_arn: 'arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555',
    origin_name: 'origin.auth.example.com',
    requests_per_5_minutes: 300,
  },
  alarm_emails: { critical: ['on-call@example.com'], warning: ['team@example.com'] },
};
