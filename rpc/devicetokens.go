package rpc

import (
	"encoding/json"
	"errors"
	"io/fs"
	"sync"
)

// DeviceTokens keeps the tokens that gateways issue to a device. A key names
// device, gateway address and role. Load returns "" for a token it has not got.
type DeviceTokens interface {
	Load(key string) (string, error)
	Save(key, token string) error
	Clear(key string) error
}

// FileDeviceTokens keeps device tokens in one JSON file with mode 0600. A
// corrupt file counts as empty, since gateways issue tokens anew; one that
// others can read is left alone with an error.
type FileDeviceTokens struct {
	path string
	mu   sync.Mutex
}

// NewFileDeviceTokens returns a store at path. The file is created by the first Save.
func NewFileDeviceTokens(path string) *FileDeviceTokens { return &FileDeviceTokens{path: path} }

// Load returns the token kept under key, or "".
func (t *FileDeviceTokens) Load(key string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tokens, err := t.read()
	return tokens[key], err
}

// Save keeps token under key.
func (t *FileDeviceTokens) Save(key, token string) error {
	return t.change(func(tokens map[string]string) { tokens[key] = token })
}

// Clear forgets the token kept under key.
func (t *FileDeviceTokens) Clear(key string) error {
	return t.change(func(tokens map[string]string) { delete(tokens, key) })
}

func (t *FileDeviceTokens) change(edit func(map[string]string)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
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
