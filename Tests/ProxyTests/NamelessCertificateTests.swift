import Ranking
import TestSupport
import Testing

@testable import Proxy

/// A certificate that names its host in the common name alone (RFC 9525 §2): nobody has checked who that name belongs to.
@Suite(.timeLimit(.minutes(15)))
struct NamelessCertificateTests {
    @Test(arguments: ["localhost", "127.0.0.1"])
    func itIsRefused(host: String) async throws {
        let server = try await SecureUpstream.start(Self.certificate, key: Self.key)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://\(host):\(server.port)"),
            credential: .apiKey("sk-endpoint"), timeouts: .patient,
            tls: .init(caFile: try SecureUpstream.authorityFile(Self.authority)))
        let proxy = try await ProxyHarness.start([endpoint])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(server.requests.isEmpty)
        #expect(await proxy.server.probe(endpoint).failure != nil)
        #expect(await proxy.server.test(endpoint).first?.status == nil)
        #expect(server.requests.isEmpty && server.bytesRead == 0)
        await proxy.stop()
    }

    // Valid for a hundred years; the keys guard nothing.
    private static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBsTCCAVegAwIBAgIUEtdsPzVGJMUBHTOkrSO7zt505ZcwCgYIKoZIzj0EAwIw
        LTErMCkGA1UEAwwiUG9kaXVtIHRlc3QgYXV0aG9yaXR5IGZvciBuYW1lbGVzczAg
        Fw0yNjExMjkyMDMyNDBaGA8yMTI2MTEwNTIwMzI0MFowLTErMCkGA1UEAwwiUG9k
        aXVtIHRlc3QgYXV0aG9yaXR5IGZvciBuYW1lbGVzczBZMBMGByqGSM49AgEGCCqG
        SM49AwEHA0IABGpHJAma6YVO5482ctGh/KPZD+ZsdzbPoN92lfWVXomy4Sek9JRk
        rgik7LiibKJAze0WA+ca/qRXdEEEkTn1sVejUzBRMB0GA1UdDgQWBBSHKe5FOjRd
        H5NmKg5sNSdn+okfUzAfBgNVHSMEGDAWgBSHKe5FOjRdH5NmKg5sNSdn+okfUzAP
        BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICJv+FkOW5by3/XPGjX4
        B50suZ0dZB2tpmdSwRqEPt9VAiEAsK5SUjbm86kcareOow7erNtTVT9vh6xw3s4J
        pYZ1Dbk=
        -----END CERTIFICATE-----
        """
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBkjCCATigAwIBAgIUVfIWxDru39z3jNBnD7SBIQjCQUQwCgYIKoZIzj0EAwIw
        LTErMCkGA1UEAwwiUG9kaXVtIHRlc3QgYXV0aG9yaXR5IGZvciBuYW1lbGVzczAg
        Fw0yNjExMjkyMDMyNDBaGA8yMTI2MTEwNTIwMzI0MFowFDESMBAGA1UEAwwJbG9j
        YWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF923sLwCXQgI8URDpr83
        qwbq/a3v/M228J7ud9DAJNlvU7L3NdYVxM3v5/2xYBZJoWqaBD5V4rWitw7dsSNr
        fqNNMEswCQYDVR0TBAIwADAdBgNVHQ4EFgQUgo6VhKW9tnt6eImYxWD5BiS9mGYw
        HwYDVR0jBBgwFoAUhynuRTo0XR+TZioObDUnZ/qJH1MwCgYIKoZIzj0EAwIDSAAw
        RQIgajgpirYLYUFuJjjY4Mc0bT/W4Rf88fpZdTBoErA4UvgCIQCZpGFZoATgdNns
        7rT0A+YdRVjhrLVKmBDpQrUoyyEB8A==
        -----END CERTIFICATE-----
        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV189r3gy6dT08T+V
        34IoXsytaVM1tsEAqUO44M+mQbGhRANCAAQX3bewvAJdCAjxREOmvzerBur9re/8
        zbbwnu530MAk2W9Tsvc11hXEze/n/bFgFkmhapoEPlXitaK3Dt2xI2t+
        -----END PRIVATE KEY-----
        """
}
