package api

// OpenAPI is the embedded description.
var OpenAPI = openAPI
