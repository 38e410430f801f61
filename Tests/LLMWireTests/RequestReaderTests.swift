import Testing

@testable import LLMWire

@Suite("Reading requests")
struct RequestReaderTests {
    private func read(_ bytes: [UInt8], cuts: [Int] = []) -> RequestReader {
        var reader = RequestReader()
        for piece in bytes.pieces(cuts) { piece.withUnsafeBytes { reader.read($0) } }
        return reader
    }

    @Test("The vectors, whole and byte by byte")
    func vectors() throws {
        let vectors = try VectorFile.all("request")
        #expect(vectors.count == 7)
        for vector in vectors {
            let bytes = vector.bytes
            for cuts in [[], Array(1..<max(1, bytes.count))] {
                let reader = read(bytes, cuts: cuts)
                #expect(reader.model == vector.expect.model, "\(vector.id)")
                #expect(reader.stream == vector.expect.stream, "\(vector.id)")
                #expect(reader.includeUsage == vector.expect.includeUsage, "\(vector.id)")
            }
        }
    }

    @Test("Nothing is read behind the limit")
    func limit() {
        let padding = String(repeating: "x", count: RequestReader.limit)
        #expect(read(Array(#"{"pad":"\#(padding)","model":"m"}"#.utf8)).model == nil)
        #expect(read(Array(#"{"model":"m","pad":"\#(padding)"}"#.utf8)).model == "m")
    }

    @Test("A session is known by what names it, the cache key first")
    func sessions() {
        let a = read(Array(#"{"metadata":{"user_id":"user_1_session_a"}}"#.utf8)).session
        let b = read(Array(#"{"metadata":{"user_id":"user_1_session_b"}}"#.utf8)).session
        let both = read(Array(#"{"prompt_cache_key":"k","metadata":{"user_id":"user_1_session_b"}}"#.utf8)).session
        let key = read(Array(#"{"metadata":{"user_id":"user_1_session_a"},"prompt_cache_key":"k"}"#.utf8)).session
        #expect(a != nil && a != b)
        #expect(both == key && both != b)
        #expect(read(Array(#"{"model":"m"}"#.utf8)).session == nil)
    }

    @Test("The operation is known by method and path")
    func operations() {
        func operation(_ method: String, _ path: String) -> LLMOperation { LLMOperation(method: method, path: path) }
        #expect(operation("POST", "/v1/messages?beta=true") == .inference(.messages))
        #expect(operation("POST", "/api/anthropic/v1/messages") == .inference(.messages))
        #expect(operation("POST", "/v1/messages/count_tokens") == .countTokens)
        #expect(operation("POST", "/v1/chat/completions/") == .inference(.chatCompletions))
        #expect(operation("POST", "/v1/completions") == .inference(.chatCompletions))
        #expect(operation("POST", "/backend-api/codex/responses") == .inference(.responses))
        #expect(operation("POST", "/v1/embeddings") == .embeddings)
        #expect(operation("GET", "/v1/models") == .modelList)
        #expect(operation("GET", "/v1/models/gpt-5.1") == .modelList)
        #expect(operation("GET", "/v1/responses/resp_1") == .other)
        #expect(operation("POST", "/v1/messages/batches") == .other)
        #expect(operation("POST", "/v1/submessages") == .other)
        #expect(operation("GET", "/") == .other)
        #expect(operation("POST", "/v1/complete") == .otherInference)
        #expect(operation("POST", "/v1beta/models/gemini-3:streamGenerateContent?alt=sse") == .otherInference)
        #expect(operation("POST", "/messages") == .inference(.messages))
        #expect(operation("GET", "/v1/messages") == .other)
        #expect(operation("POST", "/v1/audio/speech") == .other)
        #expect(operation("GET", "/models") == .modelList)
        #expect(operation("POST", "messages") == .other)
        #expect(operation("", "") == .other)
    }

    @Test("A field of the head names a session, and the body's name is another")
    func fields() {
        func key(_ text: String) -> SessionKey? { Array(text.utf8).withUnsafeBytes { SessionKey(field: $0) } }
        #expect(key("") == nil)
        #expect(key("a") != nil && key("a") == key("a") && key("a") != key("b"))
        // Claude Code's own name: its session is behind the 128th byte.
        let user =
            "user_" + String(repeating: "a", count: 64) + "_account_0f7d5c2e-8a39-4b51-9c8f-1d2e3f405162_session_"
        func session(_ id: String) -> SessionKey? {
            read(Array("{\"metadata\":{\"user_id\":\"\(user)\(id)\"}}".utf8)).session
        }
        #expect(
            session("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed") != session("2b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"))
    }

    @Test("A byte order mark in front is passed over, wherever it is cut")
    func mark() {
        let body = [0xEF, 0xBB, 0xBF] + Array(#"{"model":"m"}"#.utf8)
        for cuts in [[], [1], [2], [3], [1, 2], Array(1..<body.count)] { #expect(read(body, cuts: cuts).model == "m") }
        // Half of one is the beginning of what is no JSON.
        for cuts in [[], [1], [2]] { #expect(read([0xEF, 0x7B, 0xBF] + body, cuts: cuts).model == nil) }
    }

    @Test("What stands behind megabytes of messages is read, wherever the body is cut")
    func late() {
        // Brackets, quotes and backslashes within strings, and the same keys deeper down.
        let message = #"{"role":"user","content":[{"type":"text","text":"]} \" {[ \\"},{"model":"no","stream":false}]}"#
        let body = Array(
            (#"{"messages":["# + Array(repeating: message, count: 40).joined(separator: ",")
                + #"],"tools":[{"a":{"b":[[]]}}],"system":"\"stream\":false","metadata":{"user_id":"u","x":{"user_id":"v"}},"#
                + #""stream_options":{"include_usage":true},"model":"m","stream":true}"#).utf8)
        let whole = read(body)
        #expect(whole.model == "m" && whole.stream == true && whole.includeUsage == true && whole.isFinished)
        #expect(whole.session == read(Array(#"{"metadata":{"user_id":"u"}}"#.utf8)).session)
        for cuts in [Array(1..<body.count)] + (1..<body.count).map({ [$0] }) {
            let reader = read(body, cuts: cuts)
            guard reader.model == "m", reader.stream == true, reader.includeUsage == true,
                reader.session == whole.session
            else {
                Issue.record("cut at \(cuts.first ?? 0) of \(cuts.count)")
                return
            }
        }
    }
}
