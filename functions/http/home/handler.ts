/** The Lambda function of the page at the issuer's address. */
import { readConfig } from '../../../lib/config.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { presentAsPage } from '../../../lib/http/page-errors.ts';
import { renderHome } from '../../../lib/http/pages/home.ts';
import { contentSecurityPolicy } from '../../../lib/http/pages/layout.ts';
import { answerPage } from '../../../lib/http/response.ts';
import { type Route, routes } from '../../../lib/routes.ts';

const config = readConfig();
const endpoints = Object.values<Route>(routes)
  .filter(({ metadata }) => config.registration !== 'off' || metadata !== 'registration_endpoint')
  .flatMap(({ methods, paths, purpose }) => paths.map((path) => ({ method: methods.join(', '), path, purpose })));
const page = renderHome(config.theme, { issuer: config.issuer, endpoints, release: config.release });
const policy = contentSecurityPolicy(config.theme, { formAction: [] });

export const handler = endpoint('home', { config, present: presentAsPage(config.theme) }, () => answerPage(page, policy));
