package offline_test

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// adapter passes notifications on to Firebase Cloud Messaging.
type adapter struct {
	send  string        // https://fcm.googleapis.com/v1/projects/PROJECT/messages:send
	token func() string // an OAuth2 access token for the scope firebase.messaging
}

type object = map[string]any

func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var batch struct {
		Notifications []struct {
			Token, Title, Text, Collapse string
			Data                         map[string]string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		http.Error(w, "not as described", http.StatusBadRequest)
		return
	}
	results := []object{}
	for _, n := range batch.Notifications {
		body, _ := json.Marshal(object{"message": object{
			"token": n.Token, "data": n.Data,
			"notification": object{"title": n.Title, "body": n.Text},
			"android":      object{"collapse_key": n.Collapse},
		}})
		req, _ := http.NewRequestWithContext(r.Context(), "POST", a.send, bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+a.token())
		req.Header.Set("Content-Type", "application/json")
		result := object{}
		if resp, err := http.DefaultClient.Do(req); err != nil {
			result["retry"] = true
		} else {
			resp.Body.Close()
			switch code := resp.StatusCode; {
			case code == 404: // UNREGISTERED
				result["gone"] = true
			case code == 429 || code >= 500:
				result["retry"] = true
			case code != 200:
				result["error"] = resp.Status
			}
		}
		results = append(results, result)
	}
	_ = json.NewEncoder(w).Encode(object{"results": results})
}
