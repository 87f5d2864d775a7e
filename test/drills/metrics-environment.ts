/** What the functions of the complete stage find in their environment about metrics; imported before anything that publishes. */
process.env.POWERTOOLS_METRICS_NAMESPACE = 'oauth2_server';
process.env.POWERTOOLS_SERVICE_NAME = 'oauth2-complete';
