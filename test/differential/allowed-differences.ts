/** Every difference from oidc-provider that was reviewed and is meant to be; any other one fails. */
import { allowedAnswers } from './allowed-answers.ts';
import { allowedRefusals } from './allowed-refusals.ts';

export const allowedDifferences = [...allowedRefusals, ...allowedAnswers];
