/** The end-to-end suite over HTTP against one running deployment: OAUTH2_BASE_URL's, or a local runtime that it starts and stops. */
import { after, before } from 'node:test';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { assembleCast, type Cast } from './cast.ts';
import { eventScenarios } from './events.scenarios.ts';
import { oauth4webapiScenarios } from './oauth4webapi.scenarios.ts';
import { openidClientScenarios } from './openid-client.scenarios.ts';
import { operationScenarios } from './operation.scenarios.ts';
import { registrationScenarios } from './registration.scenarios.ts';
import { unattendedScenarios } from './unattended.scenarios.ts';

let deployment: Deployment | undefined;
let cast: Cast;

before(async () => {
  deployment = await openDeployment();
  cast = await assembleCast(deployment);
});

after(() => deployment?.stop());

const findCast = () => cast;

openidClientScenarios(findCast);
oauth4webapiScenarios(findCast);
registrationScenarios(findCast);
unattendedScenarios(findCast);
eventScenarios(findCast);
operationScenarios(findCast);
