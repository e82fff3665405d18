package control

import "net"

// checkPeer checks nothing, because Windows does not tell who is at the other end of a unix
// socket. The socket is in the user's profile, which Windows protects from other users.
func checkPeer(net.Conn) error { return nil }
