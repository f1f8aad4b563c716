package main

import "time"

// FilesConfig says what users may upload, and where it is kept.
type FilesConfig struct {
	URL        string        `key:"url" default:"" is:"bucket" usage:"Where uploaded files are kept: file:///DIRECTORY, s3://BUCKET?region=REGION for S3 and, with &endpoint=https://HOST&use_path_style=true, for stores compatible with it, or none for no files at all. Empty is data-dir/files. Credentials for S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or wherever else its SDK looks."`
	Key        Secret        `key:"key" default:"" usage:"What links to files are signed with, at least 32 bytes, or @FILE that holds it; the same on every node. Without it one is generated in data-dir/files.key."`
	MaxSize    Size          `key:"max-size" default:"32MiB" min:"1KiB" max:"16GiB" usage:"Size of one file."`
	Quota      Size          `key:"quota" default:"1GiB" min:"1KiB" max:"1000000GiB" usage:"Size of all files of one user; more is answered 429."`
	PerUser    int           `key:"per-user" default:"4" min:"1" max:"1000" usage:"Uploads of one user at once; more is answered 429."`
	Uploads    int           `key:"uploads" default:"64" min:"1" max:"10000" usage:"Uploads at once on this node; more is answered 503. Each takes 5 MiB of memory on its way to S3."`
	MaxPixels  int           `key:"max-pixels" default:"50000000" min:"1" max:"1000000000" usage:"Pixels of a picture, so that a small file doesn't become a huge picture in somebody's memory; more is answered 413."`
	Types      []string      `key:"types" default:"image/png,image/jpeg,image/gif,image/webp,image/avif,image/heic,image/heif,audio/*,video/*,application/ogg,text/plain,text/csv,text/rtf,text/calendar,text/vcard,application/json,application/pdf,application/epub+zip,application/zip,application/gzip,application/x-7z-compressed,application/vnd.rar,application/x-tar,application/msword,application/vnd.ms-excel,application/vnd.ms-powerpoint,application/vnd.openxmlformats-officedocument.*,application/vnd.oasis.opendocument.*" usage:"Media types that are taken, as the content of a file shows and not its name; * at the end stands for anything. With application/octet-stream everything else is taken too, HTML, SVG and programs among it, and only ever downloaded."`
	LinkTime   time.Duration `key:"link-time" default:"1h" min:"1m" max:"168h" usage:"For how long a link to a file works without a token: at least this, at most twice that."`
	Unattached time.Duration `key:"unattached" default:"24h" min:"1m" max:"8760h" usage:"After this a file is removed that no message carries."`
}
