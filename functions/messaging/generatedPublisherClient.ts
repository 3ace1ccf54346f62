/**
 * The generated Pub/Sub client alone. The package's main module loads the clients of all its services and a class for every
 * message, which the bundle would read at each cold start (docs/design/0006-bundle-pruning.md). A test holds that this is
 * the package's public class; a moved file fails the build.
 */
export { PublisherClient } from '@google-cloud/pubsub-api/build/src/v1/publisher_client.js';
