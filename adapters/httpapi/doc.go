// Package httpapi is the REST face of the cache, on Gin. It turns requests into
// calls of the use case and answers into HTTP: statuses, headers, problems,
// pages. Nothing of HTTP is known outside it, and it knows nothing of layers,
// leases and sources beyond the outcome it is told.
//
// The comments on the handlers are read by swag, of whose output docs/openapi makes the
// API description.
package httpapi

// The head of the API description.
//
//	@title						multi-layer-cache
//	@version					1.0
//	@description				A read-through cache in front of something slow. A value comes from this process's memory (L1), else from the layer that all instances share (L2), else from the source, which is asked once however many ask here. Where an answer came from stands in its `Cache-Status` header (RFC 9211).
//	@license.name				MIT
//	@license.url				https://opensource.org/license/mit
//	@BasePath					/
//	@securityDefinitions.apikey	Token
//	@in							header
//	@name						Authorization
//	@description				The token of MLCACHE_TOKEN, which writes, reads every key, and has no-cache, max-age, min-fresh and Min-Version obeyed to the letter; or for reading that of MLCACHE_READ_TOKEN or of the route.
