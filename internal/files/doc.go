// Package files keeps what users upload: pictures, sounds, videos, documents. It
// decides what is taken, who may read it and when it goes; the bytes are in a
// Bucket, on local disk or in any S3 or compatible store, and what is known about
// them is in SQL behind the port Store. The doors call its methods and the chat
// service calls Attach. It knows neither HTTP nor SQL, and holds no file whole in
// memory.
//
// A file is written once and never changes, so its id stands for its content.
package files
