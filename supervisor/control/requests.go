package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

// decided is the body of POST /v1/requests: the answer of a person.
type decided struct {
	ID       string            `json:"id"`
	Decision requests.Decision `json:"decision"`
}

// asked is the answer to both: what waits, or what became of a person's answer.
type asked struct {
	Requests []requests.Request `json:"requests,omitempty"`
	Result   requests.Result    `json:"result,omitempty"`
	Error    string             `json:"error,omitempty"` // for a person
}

func (a asked) or(err error) asked {
	if err != nil {
		return asked{Error: err.Error()}
	}
	return a
}

// waiting answers with what waits for a person, as the gateway says it now.
func waiting(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	sendAfter(w, r, s, func() any {
		all, err := s.Requests(r.Context())
		return asked{Requests: all}.or(err)
	})
}

// decide hands a person's answer to the gateway.
func decide(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	var d decided
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(writeTimeout))
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&d); err != nil {
		http.Error(w, "the body is not an answer: "+err.Error(), http.StatusBadRequest)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if d.Decision != requests.Allow && d.Decision != requests.Deny {
		http.Error(w, "an answer is \"allow\" or \"deny\"", http.StatusBadRequest)
		return
	}
	sendAfter(w, r, s, func() any {
		result, err := s.AnswerRequest(r.Context(), d.ID, d.Decision)
		return asked{Result: result}.or(err)
	})
}

// Requests fetches what waits for the answer of a person, oldest first.
func (c *Client) Requests(ctx context.Context) ([]requests.Request, error) {
	out, err := c.ask(ctx, http.MethodGet, nil)
	return out.Requests, err
}

// Answer hands over a person's answer.
func (c *Client) Answer(ctx context.Context, id string, decision requests.Decision) (requests.Result, error) {
	out, err := c.ask(ctx, http.MethodPost, decided{id, decision})
	return out.Result, err
}

func (c *Client) ask(ctx context.Context, method string, in any) (out asked, err error) {
	body, err := c.call(ctx, method, "/v1/requests", in)
	if err != nil {
		return out, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		return out, body.ended(err)
	}
	if out.Error != "" {
		return out, errors.New(out.Error)
	}
	return out, nil
}
