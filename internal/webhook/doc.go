// Package webhook calls backends over HTTP: Client makes one signed call, and
// Queue keeps what can wait until it got through or its time is over. Packages
// hooks, bot and offline say what is sent; nothing here knows a message or a
// user.
//
// Calls are signed by the scheme of Standard Webhooks 1.0
// (https://www.standardwebhooks.com): the headers webhook-id, webhook-timestamp
// and webhook-signature, the last an HMAC-SHA256 over "id.timestamp.body".
//
// A queue lives in memory alone: what waits when the process is killed is lost.
package webhook
