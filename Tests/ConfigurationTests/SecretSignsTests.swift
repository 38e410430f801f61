import Configuration
import PodiumModel
import Testing

@Suite struct SecretSignsTests {
    @Test(arguments: [
        ("X-Pass", "hunter2"), ("x-user-pass", "hunter2"), ("X-Pwd", "x"), ("X-Session", "x"), ("X-Signature", "x"),
        ("X-JWT", "x"), ("X-Bearer", "x"), ("Authorization", "x"), ("Cookie", "sess=X"), ("x-sid", "1"),
        ("X-Note", "sk-live-1234"), ("X-Note", "Bearer abc"), ("X-Note", "bearer abc"),
        ("X-Note", "Basic dXNlcjpwYXNz"),
        ("X-Note", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"), ("X-Note", "use sk-ant-api03-abc, please"),
        ("X-Note", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig"), ("X-Note", "9f86d081884c7d659a2feaa0c55ad015"),
        ("X-Note", "AKIAIOSFODNN7EXAMPL3"), ("X-Note", "550e8400-e29b-41d4-a716-446655440000"),
        ("X-Note", "v=1;k=a8Kd93mZq0Lw72Xc"), ("Authorization", "Bearer sk-live-${REGION}"),
        ("X-Note", "aGVsbG9Xb3JsZEZvb0JhckJhelF1eA=="),
    ]) func whatLooksLikeASecretIsOne(_ name: String, _ value: String) {
        #expect(HeaderField(name: name, value: value).holdsSecret)
    }

    @Test(arguments: [
        ("anthropic-version", "2023-06-01"), ("anthropic-beta", "prompt-caching-2024-07-31,tools-2024-05-16"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 claude-cli/1.0.119"),
        ("x-tenant", "acme"), ("x-node", "prod-eu1-node7-rack3-slot12"), ("accept-language", "sk-SK, sk;q=0.9"),
        ("x-bypass-cache", "1"), ("x-model", "claude-3-5-sonnet-20241022"), ("x-time", "20241022T103045Z"),
        ("x-account", "123456789012"), ("referer", "https://example.com/apps/9f86d081884c7d659a2feaa0c55ad015"),
        ("x-plan", "Basic endpoint of the team"), ("x-app", "ApplicationInsightsConnection"), ("X-Pass", "${PASS}"),
        ("X-Note", ""),
    ]) func whatPeopleReadStaysReadable(_ name: String, _ value: String) {
        #expect(!HeaderField(name: name, value: value).holdsSecret)
    }

    @Test func secretsAreHiddenInTheMidstOfText() {
        #expect(
            SecretSigns.hiding(in: "x-note: sk-live-1234 # Bearer abc, ok", behind: "*") == "x-note: * # Bearer *, ok")
        let url = "url: https://gateway.example.com/v1/9f86d081884c7d659a2feaa0c55ad015/x"
        #expect(SecretSigns.hiding(in: url, behind: "*") == url)
    }
}
