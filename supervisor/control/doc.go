// Package control makes sure that each user and profile has one clawtray, and has its
// local API: HTTP on a unix socket (Windows has them, too), with the client that the
// commands use.
//
// [Claim] takes the lock in the state folder. The lock file names the process and its
// socket, so that commands find both, whatever their environment is. The server and the
// client check that the folder, the socket and the program at the other end belong to
// this user.
//
//	GET  /v1/status    the report, as `clawtray status --json` prints it
//	GET  /v1/events    the status and every later one, one JSON value per line
//	GET  /v1/dashboard the address of the dashboard with its sign-in, which is a secret
//	GET  /v1/requests  what waits for the answer of a person
//	POST /v1/requests  such an answer
//	POST /v1/do        carries out a supervisor.Request and answers when it is done
//
// When a start fails, the answer has the HTTP status 200 and the cause in its field
// error. A status 4xx means that the request itself was wrong. The answers to events and do
// contain an empty line every few seconds, so that a client notices when clawtray hangs.
package control
