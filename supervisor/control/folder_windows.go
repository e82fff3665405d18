package control

import "io/fs"

// The folders are in the user's profile, which Windows protects from other users. Modes
// and owners of files say nothing about that, so these functions do not look at them.

func mine(fs.FileInfo) bool              { return true }
func systems(fs.FileInfo) bool           { return false }
func shared(fs.FileInfo) bool            { return false }
func open(fs.FileInfo) bool              { return false }
func ownerName(fs.FileInfo) string       { return "another user" }
func same(fs.FileInfo, fs.FileInfo) bool { return true } // sockets have no file index that could be compared
