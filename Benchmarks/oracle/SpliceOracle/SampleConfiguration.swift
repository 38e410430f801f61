/// A configuration of the size asked for, with comments, quotes and lists as an operator writes them.
enum SampleConfiguration {
    static func text(endpoints count: Int) -> String {
        var text = "# Podium\nserver:\n  host: 127.0.0.1\n  port: 8081\nendpoints:\n"
        for number in 0..<count {
            text += """
                  # endpoint \(number)
                  - name: endpoint-\(number)
                    url_anthropic: https://api\(number).example.com   # main
                    auth_type: api_key
                    auth_value: ${KEY_\(number)}
                    enabled: true
                    priority: \(number + 1)
                    pinned: false
                    tags: [prod, eu]
                    headers: { anthropic-version: "2023-06-01" }

                """
        }
        return text
    }
}
