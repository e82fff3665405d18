package rpc

import (
	"encoding/json"
	"errors"
	"io/fs"
	"sync"
)

// DeviceTokens keeps the tokens that gateways issue to a device, for the next Dial.
// [FileDeviceTokens] is one. A key names the device, the gateway's host and port, and the
// role: "<device id>@127.0.0.1:18789/operator". An error does not end a Dial; it is in
// Stats.DeviceTokenErr.
type DeviceTokens interface {
	Load(key string) (token string, err error) // "" when there is none
	Save(key, token string) error
	Clear(key string) error
}

// FileDeviceTokens keeps device tokens in one JSON file with mode 0600. Several processes
// may use the file at once. A corrupt file counts as empty, because gateways issue new
// tokens. A file that other users can read is left as it is, with a [*PermissionError].
// [NewFileDeviceTokens] makes one; the methods of the zero value fail.
type FileDeviceTokens struct {
	path string
	mu   sync.Mutex
}

// NewFileDeviceTokens keeps tokens in the file at path. The first Save creates it.
func NewFileDeviceTokens(path string) *FileDeviceTokens { return &FileDeviceTokens{path: path} }

// Load returns the token for key, or "".
func (t *FileDeviceTokens) Load(key string) (string, error) {
	if t == nil || t.path == "" {
		return "", errNoPath
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tokens, err := t.read()
	return tokens[key], err
}

// Save keeps token for key.
func (t *FileDeviceTokens) Save(key, token string) error {
	return t.change(func(tokens map[string]string) { tokens[key] = token })
}

// Clear removes the token for key, if there is one.
func (t *FileDeviceTokens) Clear(key string) error {
	return t.change(func(tokens map[string]string) { delete(tokens, key) })
}

func (t *FileDeviceTokens) change(edit func(map[string]string)) error {
	if t == nil || t.path == "" {
		return errNoPath
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return withLock(t.path, func() error { // so that no token of another process gets lost
		tokens, err := t.read()
		if err != nil {
			return err
		}
		edit(tokens)
		data, err := json.MarshalIndent(tokens, "", "  ")
		if err != nil {
			return err
		}
		return writePrivate(t.path, append(data, '\n'), true)
	})
}

func (t *FileDeviceTokens) read() (map[string]string, error) {
	tokens := map[string]string{}
	raw, err := readPrivate(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return tokens, nil
	}
	if err != nil {
		return tokens, err
	}
	if json.Unmarshal(raw, &tokens) != nil || tokens == nil {
		return map[string]string{}, nil
	}
	return tokens, nil
}
