//go:build !linux

package handover

func play() {}
