internal import HTTPWire

/// Where HTTPWire refuses what llhttp takes, on purpose. docs/proxy-tables.md lists each by this name.
///
/// Each has a condition of its own on the refused bytes: a refusal that meets none is a finding.
public enum StricterChoice: String, CaseIterable, Sendable {
    case fragment
    case asterisk
    case scheme
    case authority
    case leadingLines = "leading lines"
    case version
    case spaces
    case host
    case coding
    case lengthDigits = "length digits"
    case expectation
    case status
    case reason
    case chunkExtension = "chunk extension"
    case chunkDigits = "chunk digits"
    case limits

    /// - Parameter bytes: from the refused message's first byte on
    static func choice(for refusal: Refusal, _ bytes: [UInt8], isRequest: Bool) -> StricterChoice? {
        let head = HeadText(bytes, isRequest: isRequest)
        switch refusal {
        case .requestHead(let error): return choice(for: error, head)
        case .responseHead(let error): return choice(for: error, head)
        case .body: return ChunkText.firstChoice(head.body)
        case .other: return nil
        }
    }

    private static func choice(for error: RequestHeadError, _ head: HeadText) -> StricterChoice? {
        switch error {
        case .malformedRequestLine: return requestLine(head)
        case .bareLineFeed: return head.leading > 0 ? .leadingLines : nil
        case .unsupportedVersion: return head.isOfVersion1 ? nil : .version
        case .missingHost: return head.values("host").isEmpty && head.version == "HTTP/1.1" ? .host : nil
        case .malformedHost:
            let hosts = head.values("host")
            return hosts.count > 1 || hosts.contains { !isPlainHost($0.utf8) } ? .host : nil
        case .malformedTransferEncoding, .unknownTransferCoding: return coding(head)
        case .malformedContentLength: return lengthDigits(head)
        case .unknownExpectation:
            return head.values("expect").contains { $0.lowercased() != "100-continue" } ? .expectation : nil
        default: return nil
        }
    }

    private static func choice(for error: ResponseHeadError, _ head: HeadText) -> StricterChoice? {
        switch error {
        case .malformedStatusLine:
            if head.leading > 0 { return .leadingLines }
            if !head.isOfVersion1 { return .version }
            guard Int(head.status).map({ (100...999).contains($0) }) == true else { return .status }
            return head.reason.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F } ? .reason : nil
        case .ambiguousLength, .unknownTransferCoding: return coding(head)
        case .malformedContentLength: return lengthDigits(head)
        default: return nil
        }
    }

    private static func requestLine(_ head: HeadText) -> StricterChoice? {
        if head.leading > 0 { return .leadingLines }
        if head.words.contains("") { return .spaces }
        if !head.isOfVersion1 { return .version }
        return target(head)
    }

    private static func target(_ head: HeadText) -> StricterChoice? {
        if head.target.contains(UInt8(ascii: "#")) { return .fragment }
        if head.method == Array("CONNECT".utf8) { return isPlainHost(head.target) ? nil : .authority }
        if head.target.first == UInt8(ascii: "*") { return .asterisk }
        guard head.target.first != UInt8(ascii: "/") else { return nil }
        let text = String(bytesOf: head.target)
        guard let colon = text.firstRange(of: "://") else { return nil }
        guard ["http", "https"].contains(text[..<colon.lowerBound].lowercased()) else { return .scheme }
        let authority = text[colon.upperBound...].prefix { $0 != "/" && $0 != "?" }
        return authority.isEmpty || !isPlainHost(authority.utf8) ? .authority : nil
    }

    /// A name, an address or a bracketed address, and a port: no user, list, path or quote.
    private static func isPlainHost(_ text: some Collection<UInt8>) -> Bool {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        let allowed = Set((letters + "!$&'()*+-.:;=[]_~%").utf8)
        return text.allSatisfy { allowed.contains($0) }
    }

    private static func coding(_ head: HeadText) -> StricterChoice? {
        let codings = head.values("transfer-encoding")
        guard !codings.isEmpty else { return nil }
        return codings.map { $0.lowercased() } != ["chunked"] || head.version == "HTTP/1.0" ? .coding : nil
    }

    private static func lengthDigits(_ head: HeadText) -> StricterChoice? {
        head.values("content-length").contains { $0.utf8.count > 18 } ? .lengthDigits : nil
    }
}

/// Where HTTPWire takes what llhttp refuses or reads otherwise, on purpose. docs/proxy-tables.md lists each by this name.
public enum LaxerChoice: String, CaseIterable, Sendable {
    /// llhttp knows a list of methods; here any token is one.
    case method
    /// 1xx never has a body (RFC 9110 §15.2); llhttp knows that of 100 to 103 only.
    case interimBody = "interim body"
    /// Trailers are dropped here, whatever they say; llhttp heeds those that speak of framing or persistence.
    case trailer
    /// `Proxy-Connection` was never part of HTTP/1.1 (RFC 9112 §C.2.2); llhttp takes it for `Connection`.
    case proxyConnection = "proxy connection"
    /// Of both, `close` counts here (RFC 9112 §9.3); in HTTP/1.0 llhttp goes by the other.
    case closeAndKeepAlive = "close and keep-alive"
    /// Blanks around a value are spaces and tabs (RFC 9110 §5.6.3); behind a length llhttp knows spaces only.
    case lengthTab = "length tab"
    /// The same behind `chunked`, where llhttp knows spaces only and goes on as if the body were not in chunks.
    case codingTab = "coding tab"

    /// A minor version beyond 1 is read as 1 (RFC 9110 §2.5); llhttp has a list.
    case minorVersion = "minor version"
    /// Blanks around the parts of a chunk extension (RFC 9112 §7.1.1); llhttp knows none before its `;`.
    case chunkBlanks = "chunk blanks"

    static func choice(_ bytes: [UInt8], isRequest: Bool, _ theirs: Reading.Ending) -> LaxerChoice? {
        let head = HeadText(bytes, isRequest: isRequest)
        if case .refused = theirs, head.isOfVersion1, !["HTTP/1.0", "HTTP/1.1"].contains(head.version) {
            return .minorVersion
        }
        if case .refused(.other(let reason)) = theirs, reason.contains("chunk"), ChunkText.hasBlanks(head.body) {
            return .chunkBlanks
        }
        if hasCodingTab(head) { return .codingTab }
        if case .refused(.other(let reason)) = theirs, isAboutFraming(reason), hasLengthTab(head) { return .lengthTab }
        if isRequest {
            guard case .refused(.other(let reason)) = theirs else { return nil }
            if isAboutFraming(reason), speaksOfFraming(head) { return .trailer }
            return reason.contains("method") && !knownMethods.contains(String(bytesOf: head.method))
                ? .method : nil
        }
        if let status = Int(head.status), (104...199).contains(status) { return .interimBody }
        guard case .refused(.other(let reason)) = theirs else { return nil }
        return isAboutFraming(reason) && speaksOfFraming(head) ? .trailer : nil
    }

    private static func closesAndKeeps(_ head: HeadText) -> Bool {
        let options = head.values("connection").joined(separator: ",").lowercased()
        return options.contains("close") && options.contains("keep-alive")
    }

    /// For a message that differs in nothing but whether another may follow it.
    static func choiceOfPersistence(_ bytes: [UInt8], isRequest: Bool) -> LaxerChoice? {
        let head = HeadText(bytes, isRequest: isRequest)
        if head.fields.contains(where: { $0.name == "proxy-connection" }) { return .proxyConnection }
        if closesAndKeeps(head) { return .closeAndKeepAlive }
        let trailers = ChunkText.lines(head.body)
        return trailers.contains { $0.hasPrefix("connection:") || $0.hasPrefix("proxy-connection:") } ? .trailer : nil
    }

    private static func isAboutFraming(_ reason: String) -> Bool {
        reason.contains("Content-Length") || reason.contains("Transfer-Encoding")
    }

    private static func hasLengthTab(_ head: HeadText) -> Bool {
        head.fieldLines.contains { $0.lowercased().hasPrefix("content-length:") && $0.contains("\t") }
    }

    private static func hasCodingTab(_ head: HeadText) -> Bool {
        head.values("transfer-encoding").map { $0.lowercased() } == ["chunked"]
            && head.fieldLines.contains { $0.lowercased().hasPrefix("transfer-encoding:") && $0.contains("\t") }
    }

    private static func speaksOfFraming(_ head: HeadText) -> Bool {
        guard head.values("transfer-encoding").map({ $0.lowercased() }) == ["chunked"] else { return false }
        return ChunkText.lines(head.body).contains {
            $0.hasPrefix("content-length:") || $0.hasPrefix("transfer-encoding:")
        }
    }

    private static let knownMethods: Set<String> = [
        "DELETE", "GET", "HEAD", "POST", "PUT", "CONNECT", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE",
        "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY",
        "CHECKOUT", "MERGE", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PATCH", "PURGE", "MKCALENDAR",
        "LINK", "UNLINK", "SOURCE", "QUERY",
    ]
}
