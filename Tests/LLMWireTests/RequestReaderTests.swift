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
        let a = read(Array(#"{"metadata":{"user_id":"user_1_session_a"}}"#.utf8)).sessionHash
        let b = read(Array(#"{"metadata":{"user_id":"user_1_session_b"}}"#.utf8)).sessionHash
        let both = read(Array(#"{"prompt_cache_key":"k","metadata":{"user_id":"user_1_session_b"}}"#.utf8)).sessionHash
        let key = read(Array(#"{"metadata":{"user_id":"user_1_session_a"},"prompt_cache_key":"k"}"#.utf8)).sessionHash
        #expect(a != nil && a != b)
        #expect(both == key && both != b)
        #expect(read(Array(#"{"model":"m"}"#.utf8)).sessionHash == nil)
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
    }
}
