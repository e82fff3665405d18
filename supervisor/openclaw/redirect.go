package openclaw

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
)

// maxRedirects is how many redirects one request may follow. A content network needs one.
const maxRedirects = 5

// origin returns scheme, host and port of an address, with the default port written out.
func origin(u *url.URL) string {
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return u.Scheme + "://" + u.Hostname() + ":" + cmp.Or(u.Port(), port)
}

// redirects decides whether a request may follow a redirect. It has the form of
// http.Client.CheckRedirect.
type redirects func(next *http.Request, before []*http.Request) error

// sameOriginOnly is for descriptions of packages. A description contains hashes, so only
// the registry that the user has configured may send it. The rule also stops redirects to a
// network's login page.
func sameOriginOnly(next *http.Request, before []*http.Request) error {
	if origin(next.URL) != origin(before[0].URL) {
		return failed(BadRegistry, "the registry sends us on to %s://%s, which is another server", next.URL.Scheme, next.URL.Host)
	}
	return bounded(before)
}

// anyEncrypted is for tarballs. Their hash is known before the download, so another server
// may send them. It removes the credentials when scheme, host or port change, because
// net/http would keep them for other ports of the host and for its subdomains.
func anyEncrypted(next *http.Request, before []*http.Request) error {
	for _, earlier := range before {
		if earlier.URL.Scheme == "https" && next.URL.Scheme != "https" {
			return unencrypted(next.URL)
		}
		if origin(earlier.URL) != origin(next.URL) {
			next.Header.Del("Authorization")
		}
	}
	return bounded(before)
}

func unencrypted(u *url.URL) error {
	return failed(BadRegistry, "the registry sends us on to %s without encryption", u.Host)
}

func bounded(before []*http.Request) error {
	if len(before) > maxRedirects {
		return failed(BadRegistry, "the registry sends us on again and again")
	}
	return nil
}

var userInfo = regexp.MustCompile(`//[^/@\s]*@`)

// shown returns an address without the user name and the password in it, for messages.
func shown(address string) string { return userInfo.ReplaceAllString(address, "//") }
