// Package control is the local API of a running clawtray: HTTP on a unix socket
// that only its user can open (Windows has unix sockets too), and the client the
// commands use.
//
//	GET  /v1/status    the report, as `clawtray status --json` prints it
//	GET  /v1/events    every status from now on, one JSON value a line
//	GET  /v1/dashboard the address of the dashboard, signed in: a secret
//	POST /v1/do        a supervisor.Request; answered when it is done
//
// A start that fails is an answer like any other: status 200, with the cause in
// its error field. Status 4xx means that the request itself was wrong.
package control
