package rpc

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// frameKind is what a frame that arrived is.
type frameKind uint32

const (
	frameUnknown  frameKind = iota // kept for diagnosis
	frameResponse                  // {"type":"res"} or a JSON-RPC 2.0 response
	frameEvent                     // {"type":"event"} or a JSON-RPC 2.0 notification
	framePing                      // a WebSocket ping; never returned by parseFrame
	framePong                      // a WebSocket pong; never returned by parseFrame
)

func (k frameKind) String() string {
	return [...]string{"unknown", "response", "event", "ping", "pong"}[k]
}

// frame is the envelope of what arrived. Its slices point into the read buffer.
type frame struct {
	kind    frameKind
	id      uint64 // of the request that a response answers; 0 is none of ours
	ok      bool
	name    []byte // of an event
	seq     int64
	payload []byte // raw JSON; nil when absent
	err     []byte // raw JSON; nil when absent
}

// parseFrame reads the envelope of one message. It never fails: what it cannot
// place is frameUnknown.
func parseFrame(b []byte) frame {
	var typ, jsonrpc, method, id []byte
	var event, payload, params, result, errRaw []byte
	var ok bool
	var seq int64
	valid := scanObject(b, func(key, value []byte) {
		name, _ := unquote(key)
		switch string(name) {
		case "type":
			typ, _ = unquote(value)
		case "id":
			id = value
		case "ok":
			ok = value[0] == 't'
		case "payload":
			payload = value
		case "error":
			errRaw = value
		case "event":
			event, _ = unquote(value)
		case "seq":
			seq, _ = strconv.ParseInt(string(value), 10, 64)
		case "jsonrpc":
			jsonrpc, _ = unquote(value)
		case "method":
			method, _ = unquote(value)
		case "params":
			params = value
		case "result":
			result = value
		}
	})
	switch {
	case !valid:
		return frame{}
	case string(typ) == "res":
		return frame{kind: frameResponse, id: parseID(id), ok: ok, payload: payload, err: errRaw}
	case string(typ) == "event" && event != nil:
		return frame{kind: frameEvent, name: event, seq: seq, payload: payload}
	case string(jsonrpc) == "2.0" && method != nil && id == nil:
		return frame{kind: frameEvent, name: method, payload: params}
	case string(jsonrpc) == "2.0" && method == nil && id != nil:
		failed := errRaw != nil && !bytes.Equal(errRaw, []byte("null"))
		return frame{kind: frameResponse, id: parseID(id), ok: !failed, payload: result, err: errRaw}
	}
	return frame{}
}

// parseID reads a request id of ours: a decimal number, sent as a string;
// gateways may echo it as a number. Any other id is 0, which is never ours.
func parseID(raw []byte) uint64 {
	if s, quoted := unquote(raw); quoted {
		raw = s
	}
	if len(raw) == 0 || len(raw) > 19 || raw[0] == '0' {
		return 0
	}
	var id uint64
	for _, c := range raw {
		if !isDigit(c) {
			return 0
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// appendRequest appends a request frame. params must be valid JSON or empty.
func appendRequest(b []byte, id uint64, method string, params []byte) []byte {
	b = append(b, `{"type":"req","id":"`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `","method":`...)
	b = appendString(b, method)
	if len(params) > 0 {
		b = append(b, `,"params":`...)
		b = append(b, params...)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string; method names need no escapes.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain[s[i]] || s[i] >= 0x80 {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// marshalParams turns call parameters into JSON; nil means none are sent.
func marshalParams(params any) ([]byte, error) {
	switch p := params.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		if len(p) == 0 || json.Valid(p) {
			return p, nil
		}
	}
	return json.Marshal(params)
}
