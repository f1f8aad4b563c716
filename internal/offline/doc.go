// Package offline wakes the phones of users that a message did not reach. Users
// register their phones' push tokens with it; for a message that chat reports as
// missed it makes a notification for each token and hands them, in batches and
// behind everybody's back, to a Gateway. One is shipped, over HTTP, so that FCM,
// APNs or a vendor's service is one small adapter; docs/offline.md has a whole
// one.
package offline
