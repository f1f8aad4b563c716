// Package offline wakes the phones of users that a message did not reach. Users
// register their phones' push tokens with it. It subscribes to chat.MessageMissed, makes
// a notification for each token and hands them, in batches and later than the message,
// to a Gateway. One is shipped, over HTTP, so that FCM, APNs or a vendor's service is one
// small adapter; docs/offline.md has a whole one.
package offline
