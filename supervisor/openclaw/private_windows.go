package openclaw

import "io/fs"

func ours(fs.FileInfo) bool { return true }

func othersWrite(fs.FileInfo) bool { return false }

func othersReplace(fs.FileInfo) bool { return false }

func anybodyWrites(fs.FileInfo) bool { return false }
