#include "connectors/rest_outcome.h"
#include <openssl/x509.h>

enum refusal rest_outcome(CURLcode code, bool sent, bool safe, enum refusal answer)
{
    if (!sent) /* whatever it was, the system has not seen the request */
        return REFUSAL_PROVIDER_UNREACHABLE;
    /* It may have been carried out, also when its answer is one that cannot be passed on. */
    if (!safe)
        return REFUSAL_OUTCOME_UNKNOWN;
    if (answer != REFUSAL_NONE)
        return answer;
    return code == CURLE_OPERATION_TIMEDOUT ? REFUSAL_PROVIDER_TIMEOUT : REFUSAL_PROVIDER_FAILED;
}

/* libcurl compares the name itself, after OpenSSL found the chain good, and leaves "unspecified" or nothing
 * behind. */
static const char *certificate_words(CURL *easy)
{
    long result = X509_V_OK;

    if (curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result) == CURLE_OK && result != X509_V_OK &&
        result != X509_V_ERR_UNSPECIFIED)
        return X509_verify_cert_error_string(result);
    return "its certificate is not for the host of the url";
}

const char *rest_outcome_words(CURLcode code, bool sent, CURL *easy)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the name of its host is not found";
    case CURLE_COULDNT_CONNECT:
        return "nothing accepts connections at the url: is it up?";
    case CURLE_OPERATION_TIMEDOUT:
        return sent ? "it did not answer in time, or too slowly" : "no connection in time";
    case CURLE_SSL_CONNECT_ERROR:
        return "the TLS handshake failed: does it speak TLS 1.2, and does it accept our certificate?";
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_words(easy);
    case CURLE_SSL_CERTPROBLEM:
        return "our certificate or key cannot be used";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return "the connection broke: is our certificate wanted, and accepted?";
    case CURLE_GOT_NOTHING:
        return "it closed the connection without an answer";
    case CURLE_PARTIAL_FILE:
        return "its answer ended before its announced length";
    default:
        return curl_easy_strerror(code);
    }
}
